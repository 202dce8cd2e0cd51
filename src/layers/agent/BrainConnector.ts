import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { Decision } from "../../domain/Decision.ts"
import { FailureClass } from "../../domain/FailureClass.ts"
import * as FailTable from "../../domain/decide/FailTable.ts"
import { backoffMs, RetryBudget } from "../../domain/flow/RetryBudget.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as Verdict from "../../domain/decide/Verdict.ts"
import { Xoshiro128 } from "../../domain/Xoshiro128.ts"
import type { AuditLogger } from "../../services/AuditLogger.ts"
import { BrainConnector, type CallPolicy } from "../../services/BrainConnector.ts"
import { BrainLink, type BrainLinkError } from "../../services/BrainLink.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { FailPolicy } from "../../services/FailPolicy.ts"
import { OwnResources } from "../../services/OwnResources.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import type { PicHealth } from "../../services/PicHealth.ts"
import { SamplingController } from "../../services/SamplingController.ts"
import { SecureTransport, type SecurityViolation, type SignedRequest } from "../../services/SecureTransport.ts"
import * as BatchDelivery from "./BatchDelivery.ts"
import * as BrainGate from "./BrainGate.ts"
import { awaitReply } from "./Exchange.ts"
import * as Redelivery from "./Redelivery.ts"

/**
 * Beyond `audit.wait_ms`, what a brain in the same process may take to answer, in ms. Such a brain bounds its own waits
 * (the queue by the deadline, evidence by `audit.wait_ms`), so this only frees callers from one that hangs. Wide: after
 * a stall of the event loop all timers are due at once, and a block that the brain has decided must not run.
 */
export const evidenceSlackMs = 1_000
/** Longest pause between two attempts for a waiting caller, in ms; the deadline usually ends them before. */
const retryPauseMsMax = 1_000

/** Failures that another attempt can help: the message did not arrive, or its envelope was too old. */
const retryable: Readonly<Record<FailureClass, boolean>> = {
  Timeout: true,
  Refused: true,
  Partition: true,
  Unknown: true,
  Stale: true,
  Overload: false,
  BadSignature: false,
  Defect: false,
  BreakerOpen: false
}

type LinkReply = Uint8Array | Effect.Effect<Uint8Array, BrainLinkError>

/** One attempt under way: its request, the reply that is awaited, and the breaker's permit. */
interface Attempt {
  readonly request: SignedRequest
  readonly reply: LinkReply
  readonly permit: number
}

/** Layer that asks the brain through the link and, where that fails, the fail policy. */
export const layer: Layer.Layer<
  BrainConnector,
  never,
  | BrainLink
  | SecureTransport
  | FailPolicy
  | ErrorRecovery
  | SamplingController
  | PicConfig
  | PicClock
  | PicHealth
  | AuditLogger
  | CryptoCore
> = Layer.effect(
  BrainConnector,
  Effect.gen(function*() {
    const link = yield* BrainLink
    const transport = yield* SecureTransport
    const failPolicy = yield* FailPolicy
    const recovery = yield* ErrorRecovery
    const sampling = yield* SamplingController
    const config = yield* PicConfig
    const clock = yield* PicClock
    const own = yield* OwnResources
    const jitter = new Xoshiro128((yield* CryptoCore).randomBytesUnsafe)
    const budget = new RetryBudget()
    const gate = yield* BrainGate.make
    const inProcess = link.kind === "in-process"
    const failures = Object.fromEntries(FailureClass.literals.map((f) => [f, 0])) as Record<FailureClass, number>
    let retries = 0

    const onDefect = (cause: unknown): void => recovery.handleLogicErrorUnsafe("BrainConnector", cause)
    const refuse = (violation: SecurityViolation): FailureClass => {
      recovery.handleSecurityErrorUnsafe(violation)
      return violation.kind === "stale" || violation.kind === "future" ? "Stale" : "BadSignature"
    }

    const batches = yield* BatchDelivery.make({ onDefect, refuse })
    const redelivery = yield* Redelivery.make({ gate, send: batches.events })

    /** The answer to a call that got no verdict. Nothing that fails in here may open a closed mode. */
    const failed = (failure: FailureClass, event: TelemetryEvent, policy: CallPolicy): Decision => {
      failures[failure]++
      try {
        if (Redelivery.deliverLater[failure]) redelivery.holdUnsafe(event)
        return recovery.handleCommunicationErrorUnsafe(failure, event, policy)
      } catch {
        return lastResort(event, policy)
      }
    }
    const lastResort = (event: TelemetryEvent, policy: CallPolicy): Decision => {
      try {
        return failPolicy.decideUnsafe("Defect", event, policy)
      } catch {
        return lastResortDecision(event, policy, config)
      }
    }

    /** Verifies a reply and takes over what it says; the class of the failure where it does not verify. */
    const accept = (attempt: Attempt, reply: Uint8Array, event: TelemetryEvent): Decision | FailureClass => {
      const verified = transport.verifyDecisionUnsafe(attempt.request, reply)
      if (Result.isFailure(verified)) return refuse(verified.failure)
      const { backpressure, decision } = verified.success
      sampling.applySignalUnsafe(backpressure)
      failPolicy.rememberUnsafe(event, decision)
      return decision
    }
    const conclude = (
      attempt: Attempt,
      reply: Uint8Array,
      event: TelemetryEvent,
      sentAt: number
    ): Decision | FailureClass => {
      try {
        const answer = accept(attempt, reply, event)
        gate.settleUnsafe(attempt.permit, typeof answer === "string" ? answer : undefined)
        const tookMs = clock.nowUnsafe() - sentAt
        // In the same process, a reply that came at once was processor time of ours.
        if (inProcess && attempt.reply === reply) own.busyUnsafe(tookMs)
        // A block also waits for its evidence: that is not the latency of the brain.
        if (typeof answer !== "string" && answer.action === "allow") sampling.observeLatencyUnsafe(tookMs)
        return answer
      } catch (cause) {
        // A probe that is never given back would keep the breaker half-open for good.
        gate.abandonUnsafe(attempt.permit)
        throw cause
      }
    }

    const attemptUnsafe = (event: TelemetryEvent, permit: number): Attempt => {
      try {
        const request = transport.signEventUnsafe(event)
        return { request, reply: link.sendUnsafe(request.frame), permit }
      } catch (cause) {
        gate.abandonUnsafe(permit)
        throw cause
      }
    }

    /** Waits for one attempt: for the rest of the deadline in the same process, else for `brain_timeout_ms` of it. */
    const waitFor = (
      attempt: Attempt,
      event: TelemetryEvent,
      deadline: number
    ): Effect.Effect<Decision | FailureClass> =>
      Effect.suspend(() => {
        const sentAt = clock.nowUnsafe()
        if (attempt.reply instanceof Uint8Array) return Effect.succeed(conclude(attempt, attempt.reply, event, sentAt))
        const left = deadline - sentAt
        const timeoutMs = inProcess ? left : Math.min(left, config.settingsUnsafe().cellagent.brain_timeout_ms)
        return Effect.map(awaitReply(attempt.reply, { timeoutMs, keep: inProcess, onDefect }), (reply) => {
          if (Result.isSuccess(reply)) return conclude(attempt, reply.success, event, sentAt)
          gate.settleUnsafe(attempt.permit, reply.failure)
          return reply.failure
        })
      })

    const converse = (
      first: Attempt,
      event: TelemetryEvent,
      policy: CallPolicy,
      startedAt: number
    ): Effect.Effect<Decision> => {
      let current = first
      return Effect.gen(function*() {
        const settings = config.settingsUnsafe()
        const { deadline_ms, retry_attempts, retry_backoff_ms } = settings.cellagent
        const deadline = startedAt +
          (inProcess ? Math.max(deadline_ms, settings.audit.wait_ms + evidenceSlackMs) : deadline_ms)
        for (let retry = 1;; retry++) {
          const answer = yield* waitFor(current, event, deadline)
          if (typeof answer !== "string") return answer
          if (inProcess || retry > retry_attempts || !retryable[answer]) return failed(answer, event, policy)
          const pause = backoffMs(retry_backoff_ms, retry, jitter.next(), retryPauseMsMax)
          if (clock.nowUnsafe() + pause >= deadline || !budget.withdraw()) return failed(answer, event, policy)
          yield* Effect.sleep(pause)
          const permit = gate.acquireUnsafe()
          if (permit === undefined) return failed(answer, event, policy)
          retries++
          current = attemptUnsafe(event, permit)
        }
      }).pipe(
        Effect.catchDefect((cause) => Effect.sync(() => defect(cause, event, policy))),
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            gate.abandonUnsafe(current.permit)
            if (!inProcess) redelivery.holdUnsafe(event)
          })
        )
      )
    }
    const defect = (cause: unknown, event: TelemetryEvent, policy: CallPolicy): Decision => {
      try {
        onDefect(cause)
      } catch {
        return lastResort(event, policy)
      }
      return failed("Defect", event, policy)
    }

    const sendEventUnsafe = (event: TelemetryEvent, policy: CallPolicy): Decision | Effect.Effect<Decision> => {
      try {
        const permit = gate.acquireUnsafe()
        if (permit === undefined) return failed("BreakerOpen", event, policy)
        budget.deposit()
        const startedAt = clock.nowUnsafe()
        const attempt = attemptUnsafe(event, permit)
        if (!(attempt.reply instanceof Uint8Array)) return converse(attempt, event, policy, startedAt)
        const answer = conclude(attempt, attempt.reply, event, startedAt)
        return typeof answer === "string" ? failed(answer, event, policy) : answer
      } catch (cause) {
        return defect(cause, event, policy)
      }
    }

    const observed: CallPolicy = { enforced: false, failMode: undefined }
    const gated = <A>(
      send: Effect.Effect<Result.Result<A, FailureClass>>
    ): Effect.Effect<Result.Result<A, FailureClass>> =>
      Effect.suspend(() => {
        const permit = gate.acquireUnsafe()
        if (permit === undefined) return Effect.succeed(Result.fail("BreakerOpen"))
        return send.pipe(
          Effect.tap((result) =>
            Effect.sync(() => gate.settleUnsafe(permit, Result.isFailure(result) ? result.failure : undefined))
          ),
          Effect.onInterrupt(() => Effect.sync(() => gate.abandonUnsafe(permit)))
        )
      })

    return BrainConnector.of({
      sendEventUnsafe,
      sendEvent: (event, policy) =>
        Effect.suspend(() => {
          const decision = sendEventUnsafe(event, policy)
          return "eventId" in decision ? Effect.succeed(decision) : decision
        }),
      sendEvents: (events) =>
        Effect.map(
          Effect.forEach(BatchDelivery.chunks(events), (chunk) =>
            Effect.map(gated(batches.events(chunk)), (result) =>
              Result.isSuccess(result)
                ? result.success
                : chunk.map((event) =>
                  failed(result.failure, event, observed)
                ))),
          (decisions) => decisions.flat()
        ),
      sendOutcomes: (reports) =>
        Effect.map(
          Effect.forEach(BatchDelivery.chunks(reports), (chunk) => gated(batches.outcomes(chunk))),
          (results) => results.every(Result.isSuccess)
        ),
      isAvailable: Effect.suspend(() => gate.stateUnsafe() === "open" ? Effect.succeed(false) : link.isAvailable),
      handleFailure: (failure, event, policy) => Effect.sync(() => failed(failure, event, policy)),
      status: Effect.map(link.isAvailable, (available) => ({
        available: available && gate.stateUnsafe() !== "open",
        breaker: gate.stateUnsafe(),
        bufferedEvents: redelivery.buffer.size,
        bufferedBytes: redelivery.buffer.bytes,
        droppedEvents: redelivery.buffer.dropped,
        retries,
        failures: { ...failures }
      }))
    })
  })
)

/** The decision when even the fail policy throws: the fail table itself, with the mode read as far as it can be. */
const lastResortDecision = (event: TelemetryEvent, policy: CallPolicy, config: PicConfig["Service"]): Decision => {
  const mode = policy.failMode ?? readMode(config)
  return Verdict.unscored(FailTable.lookup("Defect", mode, policy.enforced), "", event.id)
}

/** A mode that cannot be read counts as closed: to open what an operator closed would be worse than to block. */
const readMode = (config: PicConfig["Service"]): "open" | "closed" => {
  try {
    return config.settingsUnsafe().cellagent.fail_mode
  } catch {
    return "closed"
  }
}
