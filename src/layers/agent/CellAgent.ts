import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import { blockEvidence } from "../../domain/decide/BlockEvidence.ts"
import type { Decision } from "../../domain/Decision.ts"
import type { OutcomeReport } from "../../domain/Outcome.ts"
import * as Rollout from "../../domain/decide/Rollout.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as Verdict from "../../domain/decide/Verdict.ts"
import type { Alerts } from "../../services/Alerts.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { BrainConnector, type CallPolicy } from "../../services/BrainConnector.ts"
import { BrainLink } from "../../services/BrainLink.ts"
import { type CallSite, CellAgent, type Judged } from "../../services/CellAgent.ts"
import type { CryptoCore } from "../../services/CryptoCore.ts"
import type { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { FailPolicy } from "../../services/FailPolicy.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"
import { SamplingController } from "../../services/SamplingController.ts"
import { batchMax } from "../../services/SecureTransport.ts"
import type { TelemetryGenerator } from "../../services/TelemetryGenerator.ts"
import * as EventSource from "./EventSource.ts"
import * as Outbox from "./Outbox.ts"
import * as Settlement from "./Settlement.ts"

/** Observed events and outcomes that may wait to be sent; beyond it they are shed, counted. About 8 MB. */
export const outboxMax = 16_384
/** How long a stop waits for queued events and outcomes to be sent. */
export const drainDeadline = "5 seconds"

const sampledOut: Judged = {
  decision: Verdict.unscored({ action: "allow", source: "sampled_out", reason: "not sampled" }),
  startedAt: 0,
  eventId: ""
}
const observing = Verdict.unscored({ action: "allow", source: "observe", reason: "observed behind the call" })
const overAllowed = Verdict.unscored({ action: "allow", source: "throttled", reason: "over the rate limit" })
const overBlocked = Verdict.unscored({ action: "block", source: "throttled", reason: "over the rate limit" })

const observedPolicy: CallPolicy = { enforced: false, failMode: undefined }
const enforcedPolicy = (site: CallSite): CallPolicy => ({ enforced: true, failMode: site.failMode })

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
    const { local } = yield* BrainLink
    const failPolicy = yield* FailPolicy
    const audit = yield* AuditLogger
    const metrics = yield* PicMetrics
    const source = yield* EventSource.make
    const calls = yield* Settlement.make
    const waiting = yield* FiberSet.make<Judged>()
    const fork = yield* FiberSet.runtime(waiting)()

    const lose = (what: "outcome" | "observed event", count: number): void => {
      if (what === "outcome") metrics.incrementUnsafe("outcomes_lost", count)
      audit.noteLossUnsafe(what, count)
    }
    const noteUnsent = (what: "outcome" | "observed event", count: number, why: Outbox.Unsent): void => {
      if (why._tag === "Defect") calls.note("CellAgent.send", why.cause)
      try {
        lose(what, count)
      } catch (cause) {
        calls.note("CellAgent.lose", cause)
      }
    }
    const loseObserved = (events: ReadonlyArray<TelemetryEvent>, why: Outbox.Unsent): void => {
      noteUnsent("observed event", events.length, why)
      const failure = why._tag === "Defect" ? "Defect" : "Overload"
      for (const event of events) calls.settle(event.fn, Verdict.lost(event.id, failure))
    }
    const observed = yield* Outbox.make<TelemetryEvent>({
      capacity: outboxMax,
      lost: loseObserved,
      batchSize: batchMax,
      send: (events) =>
        Effect.map(
          connector.sendEvents(events),
          (decisions) =>
            events.forEach((event, i) => calls.settle(event.fn, decisions[i] ?? Verdict.lost(event.id, "Defect")))
        )
    })
    const overLimit = yield* Outbox.make<TelemetryEvent>({
      capacity: outboxMax,
      lost: loseObserved,
      batchSize: batchMax,
      send: (events) => Effect.sync(() => events.forEach((event) => calls.settle(event.fn, judgeObserved(event))))
    })
    const outcomes = yield* Outbox.make<OutcomeReport>({
      capacity: outboxMax,
      lost: (reports, why) => noteUnsent("outcome", reports.length, why),
      batchSize: batchMax,
      send: (reports) =>
        Effect.map(connector.sendOutcomes(reports), (sent) => {
          if (!sent) lose("outcome", reports.length)
        })
    })

    /** The call does not wait: it is judged behind itself. */
    const observe = (box: Outbox.Outbox<TelemetryEvent>, event: TelemetryEvent): Judged => {
      if (box.offerUnsafe(event)) return { decision: observing, startedAt: event.timestamp, eventId: event.id }
      const decision = Verdict.lost(event.id, "Overload")
      // Settled last: a call is counted once, also where noting its loss throws.
      lose("observed event", 1)
      calls.settle(event.fn, decision)
      return { decision, startedAt: event.timestamp, eventId: "" }
    }
    const judgeObserved = (event: TelemetryEvent): Decision => {
      try {
        return local === undefined ? overAllowed : { ...local.judgeNowUnsafe(event), action: "allow", source: "local" }
      } catch (cause) {
        return calls.defect(event, observedPolicy, cause)
      }
    }

    const overLimitVerdict = (event: TelemetryEvent): Decision | Effect.Effect<Decision> => {
      const { fail_mode, over_limit } = config.settingsUnsafe().cellagent
      if (over_limit === "score" && local !== undefined) return local.judgeUnsafe(event)
      const closed = over_limit === "block" || (over_limit === "score" && fail_mode === "closed")
      return closed ? { ...overBlocked, id: `o${event.id}`, eventId: event.id } : overAllowed
    }
    /** A block that the agent decided itself gets its evidence here; one of the brain has it already. */
    const withEvidence = (event: TelemetryEvent, decision: Decision): Decision | Effect.Effect<Decision> =>
      decision.action === "allow" || Verdict.hasEvidence(decision)
        ? decision
        : Effect.matchCause(audit.record("block", blockEvidence(event, decision)), {
          onSuccess: () => decision,
          onFailure: () => ({ ...decision, reason: `${decision.reason}; its evidence is spooled, not durable` })
        })

    const verdictOn = (site: CallSite, event: TelemetryEvent, within: boolean): Decision | Effect.Effect<Decision> => {
      const verdict = within ? connector.sendEventUnsafe(event, enforcedPolicy(site)) : overLimitVerdict(event)
      if ("eventId" in verdict) return withEvidence(event, verdict)
      return Effect.flatMap(verdict, (decision) => {
        const proven = withEvidence(event, decision)
        return "eventId" in proven ? Effect.succeed(proven) : proven
      })
    }
    /** Waits in a fiber of the agent, so that a caller who is interrupted is still counted by the verdict. */
    const later = (site: CallSite, event: TelemetryEvent, verdict: Effect.Effect<Decision>): Effect.Effect<Judged> => {
      const fail = (cause: unknown) => calls.judged(event, calls.defect(event, enforcedPolicy(site), cause))
      const fiber = fork(
        Effect.matchCause(verdict, { onSuccess: (decision) => calls.judged(event, decision), onFailure: fail })
      )
      return Effect.map(Fiber.await(fiber), (exit) => Exit.isSuccess(exit) ? exit.value : fail(exit.cause))
    }

    const failed = (site: CallSite, event: TelemetryEvent | undefined, enforced: boolean, cause: unknown): Judged => {
      const policy = enforced ? enforcedPolicy(site) : observedPolicy
      return event === undefined
        ? calls.broken(site.fn, policy, cause)
        : calls.judged(event, calls.defect(event, policy, cause))
    }

    const judgeUnsafe = (
      site: CallSite,
      args: ReadonlyArray<unknown>,
      session: string
    ): Judged | Effect.Effect<Judged> => {
      calls.enter()
      const { rollout } = config.settingsUnsafe()
      let event: TelemetryEvent | undefined
      let enforced = rollout.mode === "enforce"
      let settled = false
      try {
        if (!sampling.sampleUnsafe()) {
          settled = true
          calls.settle(site.fn, sampledOut.decision)
          return sampledOut
        }
        event = source.describeUnsafe(site, args, session, sampling.rateUnsafe())
        enforced = Rollout.isEnforced(rollout, Rollout.positionOf(event.subjectHash))
        const within = limiter.checkRateUnsafe(site.fn)
        metrics.incrementUnsafe(within ? "events_sent" : "throttling_events")
        if (!enforced) return observe(within ? observed : overLimit, event)
        const verdict = verdictOn(site, event, within)
        return "eventId" in verdict ? calls.judged(event, verdict) : later(site, event, verdict)
      } catch (cause) {
        return settled ? sampledOut : failed(site, event, enforced, cause)
      }
    }

    const judgeNowUnsafe = (site: CallSite, args: ReadonlyArray<unknown>, session: string): Judged => {
      calls.enter()
      let event: TelemetryEvent | undefined
      try {
        event = source.describeUnsafe(site, args, session, 1)
        return calls.judged(
          event,
          local?.judgeNowUnsafe(event) ?? failPolicy.decideUnsafe("Refused", event, enforcedPolicy(site))
        )
      } catch (cause) {
        return failed(site, event, true, cause)
      }
    }

    const flush = Effect.all([observed.flush, overLimit.flush, outcomes.flush], { discard: true })
    // Callers that still wait for a verdict get it, as long as the drain may last.
    const drain = Effect.andThen(FiberSet.awaitEmpty(waiting), flush)
    yield* Effect.addFinalizer(() => Effect.exit(Effect.timeout(drain, drainDeadline)))

    return CellAgent.of({
      judgeUnsafe,
      judgeNowUnsafe,
      reportUnsafe: (site, call, kind, tag) => {
        if (call.eventId === "") return
        try {
          const timestamp = clock.nowUnsafe()
          const durationMs = Math.max(0, timestamp - call.startedAt)
          const report = { eventId: call.eventId, fn: site.fn, timestamp, outcome: { kind, tag, durationMs } }
          if (!outcomes.offerUnsafe(report)) lose("outcome", 1)
        } catch (cause) {
          calls.note("CellAgent.report", cause)
        }
      },
      flush,
      accounting: calls.accounting,
      decisions: calls.decisions,
      enabledUnsafe: () => config.settingsUnsafe().cellagent.enabled
    })
  })
)
