import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { type Accounting, Ledger } from "../../domain/flow/Accounting.ts"
import type { Decision } from "../../domain/Decision.ts"
import * as FailTable from "../../domain/decide/FailTable.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as Verdict from "../../domain/decide/Verdict.ts"
import type { CallPolicy } from "../../services/BrainConnector.ts"
import type { DecisionRecord, Judged } from "../../services/CellAgent.ts"
import { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { FailPolicy } from "../../services/FailPolicy.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"

/** Decisions that a slow reader of the stream may fall behind before the oldest are lost to it. */
export const decisionStreamMax = 4_096

const brokenOpen = Verdict.unscored(FailTable.lookup("Defect", "open", true))
const brokenClosed = Verdict.unscored(FailTable.lookup("Defect", "closed", true))

/** Where every call ends: in exactly one bucket, in the metrics, in the stream. Nothing here ever throws. */
export interface Settlement {
  readonly enter: () => void
  readonly settle: (fn: string, decision: Decision) => void
  /** Settles a call that has an event, and makes the receipt for its outcome. */
  readonly judged: (event: TelemetryEvent, decision: Decision) => Judged
  /** Our own failure: noted, and turned into the decision of the fail policy. */
  readonly defect: (event: TelemetryEvent, policy: CallPolicy, cause: unknown) => Decision
  /** Settles a call for which not even an event could be made. */
  readonly broken: (fn: string, policy: CallPolicy, cause: unknown) => Judged
  readonly note: (where: string, cause: unknown) => void
  readonly accounting: Effect.Effect<Accounting>
  readonly decisions: Stream.Stream<DecisionRecord>
}

/** Makes the settlement of one agent. */
export const make: Effect.Effect<
  Settlement,
  never,
  PicConfig | PicClock | PicMetrics | FailPolicy | ErrorRecovery
> = Effect.gen(function*() {
  const config = yield* PicConfig
  const clock = yield* PicClock
  const metrics = yield* PicMetrics
  const failPolicy = yield* FailPolicy
  const recovery = yield* ErrorRecovery
  const stream = yield* PubSub.sliding<DecisionRecord>(decisionStreamMax)
  const ledger = new Ledger()

  const note = (where: string, cause: unknown): void => {
    try {
      recovery.handleLogicErrorUnsafe(where, cause)
    } catch {
      // The recovery itself is broken: there is nobody left to tell, and the application must not hear of it.
    }
  }
  /** The fail mode without the fail policy: what remains when our own code is broken. */
  const lastResort = ({ enforced, failMode }: CallPolicy): Decision =>
    enforced && (failMode ?? config.settingsUnsafe().cellagent.fail_mode) === "closed" ? brokenClosed : brokenOpen

  // The bucket first: it is right even where the metrics or the stream fail.
  const settle = (fn: string, decision: Decision): void => {
    ledger.settle(Verdict.bucketOf(decision))
    try {
      metrics.incrementUnsafe(decision.action === "block" ? "decisions_blocked" : "decisions_allowed")
      if (Verdict.isBlockedAttack(decision)) metrics.incrementUnsafe("attacks_blocked")
      if (stream.subscribers.size > 0) PubSub.publishUnsafe(stream, { fn, decision })
    } catch (cause) {
      note("CellAgent.settle", cause)
    }
  }

  return {
    enter: () => ledger.enter(),
    settle,
    judged: (event, decision) => {
      settle(event.fn, decision)
      let startedAt = event.timestamp
      try {
        startedAt = clock.nowUnsafe()
        metrics.decisionLatencyUnsafe(startedAt - event.timestamp)
      } catch (cause) {
        note("CellAgent.judged", cause)
      }
      return { decision, startedAt, eventId: decision.action === "allow" ? event.id : "" }
    },
    defect: (event, policy, cause) => {
      note("CellAgent", cause)
      try {
        return failPolicy.decideUnsafe("Defect", event, policy)
      } catch (broken) {
        note("FailPolicy", broken)
        return lastResort(policy)
      }
    },
    broken: (fn, policy, cause) => {
      note("CellAgent", cause)
      const decision = lastResort(policy)
      settle(fn, decision)
      return { decision, startedAt: 0, eventId: "" }
    },
    note,
    accounting: Effect.sync(() => ledger.snapshot()),
    decisions: Stream.fromPubSub(stream)
  }
})
