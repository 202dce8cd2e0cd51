import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { Decision } from "../../domain/Decision.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as Verdict from "../../domain/decide/Verdict.ts"
import { type Alerts } from "../../services/Alerts.ts"
import { type AnomalyDetector } from "../../services/AnomalyDetector.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { BackpressureController } from "../../services/BackpressureController.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { BrainCore } from "../../services/BrainCore.ts"
import { BrainLinkError, LinkOverloaded, LinkRefused, LinkRejected } from "../../services/BrainLink.ts"
import { DecisionEngine } from "../../services/DecisionEngine.ts"
import { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { EventQueue } from "../../services/EventQueue.ts"
import { type KeyManager } from "../../services/KeyManager.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import { SecurityValidator, type VerifiedRequest } from "../../services/SecurityValidator.ts"
import { type StateStore } from "../../services/StateStore.ts"
import { type TraceStore } from "../../services/TraceStore.ts"
import * as Analysis from "./Analysis.ts"
import * as BrainState from "./BrainState.ts"
import * as Workers from "./Workers.ts"

/** Nonces that freshness alone refuses are forgotten this often. */
export const nonceCleanupInterval = "60 seconds"

const stopped = Effect.fail(new BrainLinkError({ reason: new LinkRefused({ detail: "the brain is stopped" }) }))
const rejected = Effect.fail(new BrainLinkError({ reason: new LinkRejected({ detail: "the message was refused" }) }))
const overloaded = Effect.fail(new BrainLinkError({ reason: new LinkOverloaded({ detail: "the queue is full" }) }))

/** About what an event keeps in memory while it waits. */
const eventBytes = (event: TelemetryEvent): number => 256 + event.features.arguments.length * 192

type Reply = Uint8Array | Effect.Effect<Uint8Array, BrainLinkError>

/** Layer with the whole pipeline in this process. Calls are handed over directly while the queue is empty. */
export const layer: Layer.Layer<
  BrainCore,
  never,
  | SecurityValidator
  | EventQueue
  | BackpressureController
  | BaselineProfiler
  | AnomalyDetector
  | DecisionEngine
  | AuditLogger
  | TraceStore
  | StateStore
  | KeyManager
  | ErrorRecovery
  | PicConfig
  | PicMetrics
  | PicHealth
  | Alerts
> = Layer.effect(
  BrainCore,
  Effect.gen(function*() {
    const validator = yield* SecurityValidator
    const queue = yield* EventQueue
    const backpressure = yield* BackpressureController
    const profiler = yield* BaselineProfiler
    const engine = yield* DecisionEngine
    const audit = yield* AuditLogger
    const recovery = yield* ErrorRecovery
    const metrics = yield* PicMetrics
    const health = yield* PicHealth
    const config = yield* PicConfig
    yield* BrainState.make
    const analysis = yield* Analysis.make
    const workers = yield* Workers.make(analysis.analyseUnsafe)
    let running = false
    let eventsReceived = 0
    let eventsRejected = 0
    let outcomesLearned = 0

    const enqueue = (
      event: TelemetryEvent,
      enforced: boolean,
      answer: Pick<Workers.Waiting, "decided" | "dropped" | "failed">
    ): Workers.Waiting => {
      const item = new Workers.Waiting({ event, bytes: eventBytes(event), enforced, ...answer })
      if (!queue.enqueueUnsafe(item)) {
        recovery.handlePerformanceDegradationUnsafe("the event queue is above its threshold")
      }
      workers.scaleUnsafe()
      return item
    }
    /** Waits for a worker until the deadline; once one has begun, for its verdict: a block that is decided stands. */
    const viaQueue = (event: TelemetryEvent, enforced: boolean): Effect.Effect<Decision, BrainLinkError> =>
      Effect.suspend(() => {
        let item: Workers.Waiting | undefined
        const verdict = Effect.callback<Decision, BrainLinkError>((resume) => {
          item = enqueue(event, enforced, {
            decided: (decision) => resume(Effect.succeed(decision)),
            dropped: () => resume(overloaded),
            failed: (cause) => resume(Effect.die(cause))
          })
        })
        const expiry = Effect.andThen(
          Effect.sleep(config.settingsUnsafe().cellagent.deadline_ms),
          Effect.suspend(() => item?.abandon() === true ? overloaded : Effect.never)
        )
        return Effect.raceFirst(verdict, expiry)
      })

    const sign = (request: VerifiedRequest, decision: Decision): Uint8Array =>
      validator.signDecisionUnsafe(request, decision, backpressure.checkAndSignalUnsafe())

    const onEvent = (request: VerifiedRequest, event: TelemetryEvent): Reply => {
      eventsReceived++
      const enforced = engine.isEnforcedUnsafe(event)
      const decision = queue.utilizationUnsafe() === 0
        ? analysis.analyseUnsafe(event, enforced)
        : viaQueue(event, enforced)
      return "eventId" in decision ? sign(request, decision) : Effect.map(decision, (d) => sign(request, d))
    }

    // Observed calls have run by the time they are analysed, so nothing of a batch is enforced; one wait for all of
    // them, since a fiber an event would cost more than its analysis.
    const onEvents = (request: VerifiedRequest, events: ReadonlyArray<TelemetryEvent>): Reply =>
      Effect.callback((resume) => {
        eventsReceived += events.length
        const decisions: Array<Decision> = []
        let missing = events.length
        const settle = (index: number, decision: Decision): void => {
          decisions[index] = decision
          if (--missing > 0) return
          resume(
            Effect.sync(() => validator.signDecisionsUnsafe(request, decisions, backpressure.checkAndSignalUnsafe()))
          )
        }
        events.forEach((event, index) =>
          enqueue(event, false, {
            decided: (decision) => settle(index, decision),
            dropped: () => settle(index, Verdict.lost(event.id, "Overload")),
            failed: (cause) => {
              recovery.handleLogicErrorUnsafe("BrainCore.analyse", cause)
              settle(index, Verdict.lost(event.id, "Defect"))
            }
          })
        )
      })

    const onOutcomes = (request: VerifiedRequest & { readonly purpose: "outcomes" }): Reply => {
      for (const report of request.reports) {
        const assessment = profiler.learnOutcomeUnsafe(report)
        outcomesLearned++
        if (assessment !== undefined && assessment.findings.length > 0) {
          audit.recordUnsafe("would_block", {
            eventId: report.eventId,
            fn: report.fn,
            at: report.timestamp,
            outcome: report.outcome.kind,
            durationMs: report.outcome.durationMs,
            pValue: assessment.pValue,
            findings: assessment.findings.map(({ detector, expected, pValue, seen }) => ({
              detector,
              expected,
              seen,
              pValue
            }))
          })
        }
      }
      return validator.signAckUnsafe(request, backpressure.checkAndSignalUnsafe())
    }

    const receiveUnsafe = (frame: Uint8Array): Reply => {
      if (!running) return stopped
      const verified = validator.verifyEventUnsafe(frame)
      if (Result.isFailure(verified)) {
        eventsRejected++
        recovery.handleSecurityErrorUnsafe(verified.failure)
        return rejected
      }
      const request = verified.success
      switch (request.purpose) {
        case "event":
          return onEvent(request, request.event)
        case "events":
          return onEvents(request, request.events)
        case "outcomes":
          return onOutcomes(request)
      }
    }

    const local = (decision: Decision): Decision =>
      decision.source === "brain" ? { ...decision, source: "local" } : decision
    const judgeUnsafe = (event: TelemetryEvent): Decision | Effect.Effect<Decision> => {
      const decision = analysis.analyseUnsafe(event, engine.isEnforcedUnsafe(event))
      return "eventId" in decision ? local(decision) : Effect.map(decision, local)
    }

    const start = Effect.sync(() => {
      running = true
      health.clearUnsafe("brain")
    })
    const halt = Effect.sync(() => {
      running = false
      for (let item = queue.dequeueUnsafe(); item !== undefined; item = queue.dequeueUnsafe()) item.dropped()
    })
    const stop = Effect.andThen(
      halt,
      Effect.sync(() => health.reportUnsafe("brain", "not_protecting", "the brain is stopped"))
    )
    yield* start
    // The end of the process is no news for health.
    yield* Effect.addFinalizer(() => halt)
    yield* Effect.forkScoped(
      Effect.forever(Effect.andThen(Effect.sleep(nonceCleanupInterval), validator.cleanupOldNonces))
    )

    return BrainCore.of({
      receiveUnsafe,
      judgeUnsafe,
      judgeNowUnsafe: (event) => local(analysis.analyseNowUnsafe(event, engine.isEnforcedUnsafe(event))),
      isAvailable: Effect.sync(() => running),
      start,
      stop,
      status: Effect.sync(() => {
        metrics.queueUtilizationUnsafe(queue.utilizationUnsafe())
        return {
          running,
          workers: workers.countUnsafe(),
          eventsReceived,
          eventsAnalysed: analysis.counts.analysed,
          outcomesLearned,
          eventsRejected,
          blocked: analysis.counts.blocked,
          wouldBlock: analysis.counts.wouldBlock
        }
      })
    })
  })
)
