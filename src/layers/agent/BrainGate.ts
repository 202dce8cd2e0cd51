import * as Effect from "effect/Effect"
import { CircuitBreaker, refused } from "../../domain/flow/CircuitBreaker.ts"
import type { FailureClass } from "../../domain/FailureClass.ts"
import { failureText } from "../../domain/decide/FailTable.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"

/** The name under which the connector reports the brain's absence to health. */
export const condition = "connection"

/** The circuit breaker with its clock, and health told of its changes. */
export interface BrainGate {
  /** A permit for one attempt, or `undefined` where the brain must not be asked. */
  readonly acquireUnsafe: () => number | undefined
  /** The attempt ended: without a failure, the brain answered. */
  readonly settleUnsafe: (permit: number, failure: FailureClass | undefined) => void
  /** The attempt was given up without a result. */
  readonly abandonUnsafe: (permit: number) => void
  readonly stateUnsafe: () => "closed" | "open" | "half-open"
  /** Milliseconds until the next probe may be made. */
  readonly waitMsUnsafe: () => number
}

/** Failures that say that the brain does not answer. The others are answers, or failures of our own. */
const silent: Readonly<Record<FailureClass, boolean>> = {
  Timeout: true,
  Refused: true,
  Partition: true,
  Unknown: true,
  Overload: false,
  BadSignature: false,
  Stale: false,
  Defect: false,
  BreakerOpen: false
}

/** Makes the gate. */
export const make: Effect.Effect<BrainGate, never, PicClock | PicConfig | PicHealth> = Effect.gen(function*() {
  const clock = yield* PicClock
  const config = yield* PicConfig
  const health = yield* PicHealth
  const breaker = new CircuitBreaker()

  const opened = (failure: FailureClass): void => {
    const open = config.settingsUnsafe().cellagent.fail_mode === "open"
    health.reportUnsafe(
      condition,
      open ? "not_protecting" : "degraded",
      `${failureText[failure]}, so enforced calls ${open ? "pass (fail mode open)" : "are blocked (fail mode closed)"}`
    )
  }
  return {
    acquireUnsafe: () => {
      const permit = breaker.acquire(breaker.openUntil === 0 ? 0 : clock.nowUnsafe())
      return permit === refused ? undefined : permit
    },
    settleUnsafe: (permit, failure) => {
      if (failure === undefined) {
        if (breaker.success(permit)) health.clearUnsafe(condition)
      } else if (silent[failure]) {
        if (breaker.failure(permit, clock.nowUnsafe())) opened(failure)
      } else {
        breaker.abandon(permit)
      }
    },
    abandonUnsafe: (permit) => breaker.abandon(permit),
    stateUnsafe: () => breaker.state(clock.nowUnsafe()),
    waitMsUnsafe: () => Math.max(0, breaker.openUntil - clock.nowUnsafe())
  }
})
