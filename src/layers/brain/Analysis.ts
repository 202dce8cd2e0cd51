import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { blockEvidence } from "../../domain/decide/BlockEvidence.ts"
import type { Decision } from "../../domain/Decision.ts"
import { exceptionsOf } from "../../domain/decide/Exceptions.ts"
import { RecentMap } from "../../domain/RecentMap.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { Alerts } from "../../services/Alerts.ts"
import { AnomalyDetector } from "../../services/AnomalyDetector.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { DecisionEngine } from "../../services/DecisionEngine.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import { TraceStore } from "../../services/TraceStore.ts"

/** Blocks without durable evidence that are remembered: as many as the decisions that a retry is answered from. */
export const unprovenMax = 4_096

/** The middle of the pipeline: profile, score, decide, and evidence before effect. */
export interface Analysis {
  /** Judges one event; an effect only where a block waits for its evidence. */
  readonly analyseUnsafe: (event: TelemetryEvent, enforced: boolean) => Decision | Effect.Effect<Decision>
  /** The same without waiting: the evidence of a block is queued. */
  readonly analyseNowUnsafe: (event: TelemetryEvent, enforced: boolean) => Decision
  readonly counts: { analysed: number; blocked: number; wouldBlock: number }
}

/** Makes the analysis out of the services it runs over. */
export const make: Effect.Effect<
  Analysis,
  never,
  | AnomalyDetector
  | BaselineProfiler
  | DecisionEngine
  | AuditLogger
  | TraceStore
  | PicConfig
  | PicMetrics
  | Alerts
  | Scope.Scope
> = Effect.gen(function*() {
  const detector = yield* AnomalyDetector
  const profiler = yield* BaselineProfiler
  const engine = yield* DecisionEngine
  const audit = yield* AuditLogger
  const traces = yield* TraceStore
  const config = yield* PicConfig
  const metrics = yield* PicMetrics
  const alerts = yield* Alerts
  const counts = { analysed: 0, blocked: 0, wouldBlock: 0 }
  // A retry of an event whose block still waits for its evidence must wait for the same evidence.
  const pending = new Map<string, Effect.Effect<Decision>>()
  // Blocks whose evidence was not durable in time, as they were answered: a retry gets the same answer.
  const unproven = new RecentMap<string, Decision>(unprovenMax)
  const fork = yield* FiberSet.makeRuntime()

  const judge = (event: TelemetryEvent, enforced: boolean): Decision => {
    const assessment = detector.scoreUnsafe(event)
    const decision = engine.decideUnsafe(event, assessment, enforced)
    // What only an exception lets through stays anomalous: it is not learned.
    if (!decision.wouldBlock && decision.source !== "exception") profiler.learnUnsafe(event, assessment)
    traces.appendUnsafe({ event, decision })
    counts.analysed++
    if (decision.wouldBlock) review(event.fn)
    if (decision.action === "block") counts.blocked++
    else if (decision.wouldBlock) {
      counts.wouldBlock++
      metrics.incrementUnsafe("would_block")
      audit.recordUnsafe("would_block", blockEvidence(event, decision))
    } else noteAllow(event, decision)
    return decision
  }

  const review = (fn: string): void => {
    const { anomalies } = profiler.modelUnsafe(fn)
    if (!anomalies.takeReview()) return
    const share = `${Math.round(100 * anomalies.value)} % of the recent calls of ${fn} look anomalous`
    alerts.raiseUnsafe("review", `${share}: it is under attack, or a release changed it (pic allow, pic relearn)`)
  }

  const noteAllow = (event: TelemetryEvent, decision: Decision): void => {
    if (decision.source === "exception") {
      audit.recordUnsafe("allow", { ...blockEvidence(event, decision), exception: exceptionsOf(decision) })
    } else if (config.settingsUnsafe().audit.allows === "every") {
      audit.recordUnsafe("allow", blockEvidence(event, decision))
    } else audit.noteAllowUnsafe(event.fn)
  }

  const withoutEvidence = (event: TelemetryEvent, decision: Decision): Decision => {
    alerts.raiseUnsafe(
      "audit_failure",
      `the evidence of a block of ${event.fn} is not durable: check the audit store (audit.on_failure decides)`
    )
    if (config.settingsUnsafe().audit.on_failure === "block") {
      return { ...decision, reason: "anomalous; its evidence is spooled, not durable" }
    }
    const lifted: Decision = {
      ...decision,
      action: "allow",
      reason: "anomalous; allowed because its evidence could not be written"
    }
    // The record of the block will come into the log; this one says that the call ran all the same.
    audit.recordUnsafe("allow", blockEvidence(event, lifted))
    return lifted
  }

  /**
   * The evidence is awaited in a fiber of the brain: a request that is given up meanwhile, as a network does, must not take
   * with it what a retry of the same event waits for.
   */
  const withEvidence = (event: TelemetryEvent, decision: Decision): Effect.Effect<Decision> => {
    const done = Deferred.makeUnsafe<Decision>()
    const wait = Deferred.await(done)
    pending.set(event.id, wait)
    fork(Effect.onExitPrimitive(
      Effect.suspend(() => audit.record("block", blockEvidence(event, decision))),
      (exit) => {
        const final = Exit.isSuccess(exit) ? decision : withoutEvidence(event, decision)
        if (final !== decision) unproven.set(event.id, final)
        pending.delete(event.id)
        Deferred.doneUnsafe(done, Effect.succeed(final))
        return undefined
      }
    ))
    return wait
  }
  const again = (event: TelemetryEvent, first: Decision): Decision =>
    first.action === "block" ? unproven.get(event.id) ?? first : first

  const analyseUnsafe = (event: TelemetryEvent, enforced: boolean): Decision | Effect.Effect<Decision> => {
    const recalled = engine.recallUnsafe(event)
    if (recalled !== undefined) {
      if (recalled.source === "cache") noteAllow(event, recalled)
      return pending.get(event.id) ?? again(event, recalled)
    }
    const decision = judge(event, enforced)
    return decision.action === "block" ? withEvidence(event, decision) : decision
  }

  const analyseNowUnsafe = (event: TelemetryEvent, enforced: boolean): Decision => {
    const recalled = engine.recallUnsafe(event)
    if (recalled !== undefined) return again(event, recalled)
    const decision = judge(event, enforced)
    if (decision.action === "block") audit.recordUnsafe("block", blockEvidence(event, decision))
    return decision
  }

  return { analyseUnsafe, analyseNowUnsafe, counts }
})
