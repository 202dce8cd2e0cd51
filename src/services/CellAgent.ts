import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Accounting } from "../domain/flow/Accounting.ts"
import type { Decision } from "../domain/Decision.ts"
import type { FailMode } from "../domain/FailureClass.ts"
import type { Outcome } from "../domain/Outcome.ts"
import type { Priority } from "../domain/TelemetryEvent.ts"

/** What `Monitor.wrap` knows about a wrapped function. One object per wrap, made once. */
export interface CallSite {
  readonly fn: string
  /** Declared parameters of the function. */
  readonly arity: number
  readonly priority: Priority
  readonly failMode: FailMode | undefined
  readonly redact: ReadonlySet<string> | undefined
  readonly subject: ((args: ReadonlyArray<unknown>) => string | undefined) | undefined
}

/** The verdict on one call: its decision and a receipt with which the outcome is reported. */
export interface Judged {
  readonly decision: Decision
  /** Epoch ms at which the function may start; the base of its duration. */
  readonly startedAt: number
  /** Event id for the outcome report; empty where nothing is to be learned from it. */
  readonly eventId: string
}

/** A decision with its function, as `Monitor.decisions` streams it. */
export interface DecisionRecord {
  readonly fn: string
  readonly decision: Decision
}

/** The in-process side: limits, describes, signs, asks, enforces, reports. No method ever throws or fails. */
export class CellAgent extends Context.Service<CellAgent, {
  /** Judges a call before it runs; an effect only where the caller must wait. */
  readonly judgeUnsafe: (
    site: CallSite,
    args: ReadonlyArray<unknown>,
    session: string
  ) => Judged | Effect.Effect<Judged>
  /** The same for callers that cannot wait (sync methods): judged in process, without an envelope. */
  readonly judgeNowUnsafe: (site: CallSite, args: ReadonlyArray<unknown>, session: string) => Judged
  /** Reports how the call went: queued, sent later in a signed batch. */
  readonly reportUnsafe: (site: CallSite, judged: Judged, kind: Outcome["kind"], tag: string) => void
  /** Sends everything queued: observed events and outcomes. */
  readonly flush: Effect.Effect<void>
  readonly accounting: Effect.Effect<Accounting>
  readonly decisions: Stream.Stream<DecisionRecord>
  /** Whether calls are judged at all (`cellagent.enabled`): read before anything else. */
  readonly enabledUnsafe: () => boolean
}>()("effect-pic/services/CellAgent") {}
