import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import { describeCause } from "../../domain/CauseSummary.ts"
import * as Gcra from "../../domain/flow/Gcra.ts"
import { Alerts } from "../../services/Alerts.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { FailPolicy } from "../../services/FailPolicy.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"
import { SamplingController } from "../../services/SamplingController.ts"
import type { SecurityViolation } from "../../services/SecureTransport.ts"

/** Violations a second that get an evidence record each; a flood of forgeries must not fill the disk. */
export const violationRecordsPerSecond = 20
/** Log lines a second about failures of our own. */
export const logLinesPerSecond = 5
/** Performance trouble is acted on again only after this, in ms: the adjustments it makes last longer. */
export const degradationMs = 250

/** Layer with the recovery strategies. Whatever fails inside a handler ends there. */
export const layer: Layer.Layer<
  ErrorRecovery,
  never,
  FailPolicy | AuditLogger | Alerts | PicMetrics | RateLimiter | SamplingController | PicClock
> = Layer.effect(
  ErrorRecovery,
  Effect.gen(function*() {
    const failPolicy = yield* FailPolicy
    const audit = yield* AuditLogger
    const alerts = yield* Alerts
    const metrics = yield* PicMetrics
    const limiter = yield* RateLimiter
    const sampling = yield* SamplingController
    const clock = yield* PicClock
    const records = gate(violationRecordsPerSecond)
    const lines = gate(logLinesPerSecond)
    const toLog = yield* Queue.sliding<string>(64)
    yield* Effect.addFinalizer(() => Queue.shutdown(toLog))
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(toLog), (line) => Effect.logError(line))))
    let degradedAt = -Infinity

    const handleSecurityError = (violation: SecurityViolation): void => {
      metrics.incrementUnsafe("security_violations")
      if (violation.kind === "replayed") metrics.incrementUnsafe("attacks_replayed")
      if (violation.kind === "bad_signature" || violation.kind === "unknown_key") {
        metrics.incrementUnsafe("attacks_forged")
      }
      alerts.raiseUnsafe("security_violation", `a message was refused: ${violation.message}`)
      if (records(clock.nowUnsafe())) {
        audit.recordUnsafe("violation", { violation: violation.kind, detail: violation.detail })
      } else audit.noteLossUnsafe("violation record", 1)
    }
    const handleDegradation = (reason: string): void => {
      const now = clock.nowUnsafe()
      if (now - degradedAt < degradationMs) return
      degradedAt = now
      limiter.enterThrottlingModeUnsafe(reason)
      sampling.reduceUnsafe(reason)
      alerts.raiseUnsafe("degraded", reason)
    }
    const handleLogicError = (where: string, cause: unknown): void => {
      metrics.incrementUnsafe("errors")
      if (lines(clock.nowUnsafe())) Queue.offerUnsafe(toLog, `${where}: ${describeCause(cause)}`)
    }

    return ErrorRecovery.of({
      handleCommunicationErrorUnsafe: (failure, event, policy) => {
        contain(() => metrics.incrementUnsafe("errors"))
        return failPolicy.decideUnsafe(failure, event, policy)
      },
      handleSecurityErrorUnsafe: (violation) => contain(() => handleSecurityError(violation)),
      handlePerformanceDegradationUnsafe: (reason) => contain(() => handleDegradation(reason)),
      handleLogicErrorUnsafe: (where, cause) => contain(() => handleLogicError(where, cause))
    })
  })
)

/** Runs a step whose failure must go no further: recovery that fails is still no reason to fail the application. */
const contain = (step: () => void): void => {
  try {
    step()
  } catch {
    return
  }
}

/** Lets `perSecond` through at most. */
const gate = (perSecond: number): (now: number) => boolean => {
  const limit = Gcra.make(perSecond, perSecond)
  let tat = 0
  return (now) => {
    if (!Gcra.conforms(limit, tat, now)) return false
    tat = Gcra.take(limit, tat, now)
    return true
  }
}
