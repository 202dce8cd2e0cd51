import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Outcome } from "../domain/Outcome.ts"
import type { CallSite, DecisionRecord, Judged } from "./CellAgent.ts"

/**
 * What a wrapped function asks at every call. Applications use the module `Monitor`; this is the service that they
 * provide: by `Pic.layer` in production, by `MonitorTest` in tests.
 */
export class Monitor extends Context.Service<Monitor, {
  /** `false`: wrapped functions run as if they were not wrapped. */
  readonly enabledUnsafe: () => boolean
  readonly judgeUnsafe: (
    site: CallSite,
    args: ReadonlyArray<unknown>,
    session: string
  ) => Judged | Effect.Effect<Judged>
  readonly judgeNowUnsafe: (site: CallSite, args: ReadonlyArray<unknown>, session: string) => Judged
  readonly reportUnsafe: (site: CallSite, judged: Judged, kind: Outcome["kind"], tag: string) => void
  readonly decisions: Stream.Stream<DecisionRecord>
}>()("effect-pic/services/Monitor") {}

/** The session that a call belongs to; child fibers inherit it. Empty: the current trace, else the call stands alone. */
export const Session = Context.Reference<string>("effect-pic/services/Monitor/Session", { defaultValue: () => "" })
