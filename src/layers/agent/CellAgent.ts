import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { Ledger } from "../../domain/Accounting.ts"
import { blockEvidence } from "../../domain/BlockEvidence.ts"
import type { Decision, DecisionSource } from "../../domain/Decision.ts"
import type { OutcomeReport } from "../../domain/Outcome.ts"
import * as Rollout from "../../domain/Rollout.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as Verdict from "../../domain/Verdict.ts"
import type { Alerts } from "../../services/Alerts.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { BrainConnector } from "../../services/BrainConnector.ts"
import { BrainLink } from "../../services/BrainLink.ts"
import { type CallSite, CellAgent, type DecisionRecord, type Judged } from "../../services/CellAgent.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { FailPolicy } from "../../services/FailPolicy.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"
import { SamplingController } from "../../services/SamplingController.ts"
import { batchMax } from "../../services/SecureTransport.ts"
import { TelemetryGenerator } from "../../services/TelemetryGenerator.ts"
import * as EventSource from "./EventSource.ts"
import * as Outbox from "./Outbox.ts"

/** Observed events and outcomes that may wait to be sent; beyond it they are shed, counted. About 8 MB. */
export const outboxMax = 16_384
/** Decisions that a slow reader of the stream may fall behind before the oldest are lost to it. */
export const decisionStreamMax = 4_096
/** How long a stop waits for queued events and outcomes to be sent. */
export const drainDeadline = "5 seconds"

const fixed = (source: DecisionSource, action: Decision["action"], reason: string): Decision => ({
  id: "",
  eventId: "",
  action,
  source,
  reason,
  confidence: 1,
  pValue: 1,
  findings: [],
  wouldBlock: false
})
const sampledOut = fixed("sampled_out", "allow", "not sampled")
const observing = fixed("observe", "allow", "observed behind the call")
const overAllowed = fixed("throttled", "allow", "over the rate limit")
const overBlocked = fixed("throttled", "block", "over the rate limit")

/** Layer with the agent: one synchronous step per call, over the services of this process. */
export const layer: Layer.Layer<
  CellAgent,
  never,
  | PicConfig
  | PicClock
  | CryptoCore
  | TelemetryGenerator
  | RateLimiter
  | SamplingController
  | BrainConnector
  | BrainLink
  | FailPolicy
  | ErrorRecovery
  | AuditLogger
  | PicMetrics
  | Alerts
> = Layer.effect(
  CellAgent,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const limiter = yield* RateLimiter
    const sampling = yield* SamplingController
    const connector = yield* BrainConnector
    const link = yield* BrainLink
    const failPolicy = yield* FailPolicy
    const recovery = yield* ErrorRecovery
    const audit = yield* AuditLogger
    const metrics = yield* PicMetrics
    const source = yield* EventSource.make
    const fork = yield* FiberSet.makeRuntime<never, Judged>()
    const ledger = new Ledger()
    const stream = yield* PubSub.sliding<DecisionRecord>(decisionStreamMax)

    const announce = (fn: string, decision: Decision): void => {
      if (stream.subscribers.size > 0) PubSub.publishUnsafe(stream, { fn, decision })
    }

    /** The call is decided: into its bucket, the metrics and the stream. */
    const settle = (fn: string, decision: Decision): void => {
      ledger.settle(Verdict.bucketOf(decision))
      metrics.incrementUnsafe(decision.action === "block" ? "decisions_blocked" : "decisions_allowed")
      announce(fn, decision)
    }
    const judged = (event: TelemetryEvent, decision: Decision): Judged => {
      settle(event.fn, decision)
      const now = clock.nowUnsafe()
      metrics.decisionLatencyUnsafe(now - event.timestamp)
      return { decision, startedAt: now, eventId: decision.action === "allow" ? event.id : "" }
    }

    const observed = yield* Outbox.make<TelemetryEvent>({
      capacity: outboxMax,
      batchSize: batchMax,
      send: (events) =>
        Effect.map(connector.sendEvents(events), (decisions) =>
          events.forEach((event, i) => settle(event.fn, decisions[i] ?? Verdict.lost(event.id, "Defect"))))
    })
    const overLimit = yield* Outbox.make<TelemetryEvent>({
      capacity: outboxMax,
      batchSize: batchMax,
      send: (events) => Effect.sync(() => events.forEach((event) => settle(event.fn, judgeLocally(event))))
    })
    const outcomes = yield* Outbox.make<OutcomeReport>({
      capacity: outboxMax,
      batchSize: batchMax,
      send: (reports) =>
        Effect.map(connector.sendOutcomes(reports), (sent) => {
          if (!sent) lose("outcome", reports.length)
        })
    })

    const lose = (what: string, count: number): void => {
      metrics.incrementUnsafe("outcomes_lost", count)
      audit.noteLossUnsafe(what, count)
    }

    const observe = (box: Outbox.Outbox<TelemetryEvent>, event: TelemetryEvent): Judged => {
      if (box.offerUnsafe(event)) return { decision: observing, startedAt: event.timestamp, eventId: event.id }
      const decision = Verdict.lost(event.id, "Overload")
      settle(event.fn, decision)
      audit.noteLossUnsafe("observed event", 1)
      return { decision, startedAt: event.timestamp, eventId: "" }
    }

    /** Waits in a fiber of the agent, so that a caller who is interrupted is still counted by the verdict. */
    const later = (event: TelemetryEvent, verdict: Effect.Effect<Decision>): Effect.Effect<Judged> =>
      Fiber.join(fork(Effect.matchCause(verdict, {
        onSuccess: (decision) => judged(event, decision),
        onFailure: (cause) => judged(event, defect(event, true, undefined, cause))
      })))

    const defect = (event: TelemetryEvent, enforced: boolean, failMode: CallSite["failMode"], cause: unknown): Decision => {
      recovery.handleLogicErrorUnsafe("CellAgent", cause)
      return failPolicy.decideUnsafe("Defect", event, { enforced, failMode })
    }

    /** A block that the agent decided itself gets its evidence here; one of the brain has it already. */
    const withEvidence = (event: TelemetryEvent, decision: Decision): Decision | Effect.Effect<Decision> => {
      if (decision.action === "allow" || Verdict.hasEvidence(decision)) return decision
      return Effect.as(Effect.exit(audit.record("block", blockEvidence(event, decision))), decision)
    }

    const judgeLocally = (event: TelemetryEvent): Decision => {
      try {
        return link.local?.judgeNowUnsafe(event) ?? overAllowed
      } catch (cause) {
        return defect(event, false, undefined, cause)
      }
    }

    const overLimitVerdict = (event: TelemetryEvent): Decision | Effect.Effect<Decision> => {
      const { fail_mode, over_limit } = config.settingsUnsafe().cellagent
      if (over_limit === "score" && link.local !== undefined) return link.local.judgeUnsafe(event)
      const closed = over_limit === "block" || over_limit === "score" && fail_mode === "closed"
      return closed ? { ...overBlocked, eventId: event.id } : overAllowed
    }

    const verdictOn = (site: CallSite, event: TelemetryEvent, within: boolean): Decision | Effect.Effect<Decision> => {
      const verdict = within
        ? connector.sendEventUnsafe(event, { enforced: true, failMode: site.failMode })
        : overLimitVerdict(event)
      return Effect.isEffect(verdict)
        ? Effect.flatMap(verdict, (decision) => {
          const proven = withEvidence(event, decision)
          return Effect.isEffect(proven) ? proven : Effect.succeed(proven)
        })
        : withEvidence(event, verdict)
    }

    const judgeUnsafe = (
      site: CallSite,
      args: ReadonlyArray<unknown>,
      session: string
    ): Judged | Effect.Effect<Judged> => {
      ledger.enter()
      let event: TelemetryEvent | undefined
      let enforced = config.settingsUnsafe().rollout.mode === "enforce"
      try {
        if (!sampling.sampleUnsafe()) {
          settle(site.fn, sampledOut)
          return { decision: sampledOut, startedAt: 0, eventId: "" }
        }
        event = source.describeUnsafe(site, args, session, sampling.rateUnsafe())
        enforced = Rollout.isEnforced(config.settingsUnsafe().rollout, Rollout.positionOf(event.subjectHash))
        const within = limiter.checkRateUnsafe(site.fn)
        if (within) metrics.incrementUnsafe("events_sent")
        else metrics.incrementUnsafe("throttling_events")
        if (!enforced) return observe(within ? observed : overLimit, event)
        const verdict = verdictOn(site, event, within)
        return Effect.isEffect(verdict) ? later(event, verdict) : judged(event, verdict)
      } catch (cause) {
        const failed = event ?? source.bareUnsafe(site)
        return judged(failed, defect(failed, enforced, site.failMode, cause))
      }
    }

    const judgeNowUnsafe = (site: CallSite, args: ReadonlyArray<unknown>, session: string): Judged => {
      ledger.enter()
      let event: TelemetryEvent | undefined
      try {
        event = source.describeUnsafe(site, args, session, 1)
        limiter.checkRateUnsafe(site.fn)
        return judged(event, link.local?.judgeNowUnsafe(event) ?? defect(event, true, site.failMode, "no brain in this process"))
      } catch (cause) {
        const failed = event ?? source.bareUnsafe(site)
        return judged(failed, defect(failed, true, site.failMode, cause))
      }
    }

    const flush = Effect.all([observed.flush, overLimit.flush, outcomes.flush], { discard: true })
    yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(flush, drainDeadline)))

    return CellAgent.of({
      judgeUnsafe,
      judgeNowUnsafe,
      reportUnsafe: (site, call, kind, tag) => {
        if (call.eventId === "") return
        const timestamp = clock.nowUnsafe()
        const durationMs = Math.max(0, timestamp - call.startedAt)
        const report = { eventId: call.eventId, fn: site.fn, timestamp, outcome: { kind, tag, durationMs } }
        if (!outcomes.offerUnsafe(report)) lose("outcome", 1)
      },
      flush,
      accounting: Effect.sync(() => ledger.snapshot()),
      decisions: Stream.fromPubSub(stream),
      enabledUnsafe: () => config.settingsUnsafe().cellagent.enabled
    })
  })
)
