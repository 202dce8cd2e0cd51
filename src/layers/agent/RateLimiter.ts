import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KeyedHash } from "../../domain/keys/KeyedHash.ts"
import { type RateLimits, RateTable } from "../../domain/flow/RateTable.ts"
import type { Settings } from "../../domain/settings/Settings.ts"
import { Alerts } from "../../services/Alerts.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"

/** Layer with a limiter whose limits follow the settings from call to call. */
export const layer: Layer.Layer<RateLimiter, never, PicConfig | PicClock | Alerts> = Layer.effect(
  RateLimiter,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const alerts = yield* Alerts
    // Small numbers keep their fractions: milliseconds since the epoch have only a quarter of a microsecond left.
    const origin = clock.nowUnsafe()
    const hash = new KeyedHash([origin % 1e9, (origin * 1000) % 1e9])
    let agent = config.settingsUnsafe().cellagent
    const table = new RateTable(limitsOf(agent), {
      hash: (name) => hash.string(name),
      onOffender: (name, windows) =>
        alerts.raiseUnsafe(
          "review",
          `${name} has been over its rate limit for ${windows} windows in a row: review its callers`
        )
    })

    const follow = (now: number): void => {
      const current = config.settingsUnsafe().cellagent
      if (current === agent) return
      agent = current
      const limits = limitsOf(current)
      if (!sameLimits(limits, table.limits)) table.change(limits, now)
    }
    const checkRateUnsafe = (fn: string): boolean => {
      const now = clock.nowUnsafe() - origin
      follow(now)
      return table.check(fn, now)
    }
    const shouldThrottleUnsafe = (): boolean => !table.calm && table.throttling(clock.nowUnsafe() - origin)
    const getAdjustedSamplingRateUnsafe = (baseRate: number): number =>
      table.calm ? baseRate : table.adjusted(baseRate, clock.nowUnsafe() - origin)

    return RateLimiter.of({
      checkRateUnsafe,
      checkRate: (fn) => Effect.sync(() => checkRateUnsafe(fn)),
      shouldThrottleUnsafe,
      shouldThrottle: Effect.sync(shouldThrottleUnsafe),
      getAdjustedSamplingRateUnsafe,
      enterThrottlingModeUnsafe: () => table.force(clock.nowUnsafe() - origin),
      status: Effect.sync(() => {
        const { droppedEvents, globalRate, throttledFunctions, throttlingActive } = table.status(
          clock.nowUnsafe() - origin
        )
        return { globalRate, throttledFunctions, droppedEvents, throttlingActive }
      })
    })
  })
)

const limitsOf = (agent: Settings["cellagent"]): RateLimits => ({
  globalPerSecond: agent.global_rate_limit,
  perFunctionPerSecond: agent.per_function_limit,
  burst: agent.burst,
  windowMs: agent.rate_window_seconds * 1000,
  throttleThreshold: agent.throttle_threshold
})

const sameLimits = (a: RateLimits, b: RateLimits): boolean =>
  a.globalPerSecond === b.globalPerSecond && a.perFunctionPerSecond === b.perFunctionPerSecond && a.burst === b.burst &&
  a.windowMs === b.windowMs && a.throttleThreshold === b.throttleThreshold
