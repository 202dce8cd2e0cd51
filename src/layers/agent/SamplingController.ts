import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SamplingRate } from "../../domain/flow/SamplingRate.ts"
import { Xoshiro128 } from "../../domain/Xoshiro128.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { OwnResources } from "../../services/OwnResources.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"
import { SamplingController } from "../../services/SamplingController.ts"

/** How often our own use of the machine is measured and expired adjustments are lifted. */
export const tickMs = 250

/** Layer that samples at the configured rate, lowered while load, the brain or our own share of the machine ask for it. */
export const layer: Layer.Layer<
  SamplingController,
  never,
  PicConfig | PicClock | CryptoCore | RateLimiter | PicHealth
> = Layer
  .effect(
    SamplingController,
    Effect.gen(function*() {
      const config = yield* PicConfig
      const clock = yield* PicClock
      const crypto = yield* CryptoCore
      const limiter = yield* RateLimiter
      const health = yield* PicHealth
      const own = yield* OwnResources
      const state = new SamplingRate()
      const draw = new Xoshiro128(crypto.randomBytesUnsafe)
      let measuredAt = clock.nowUnsafe()
      let busyMs = own.busyMs

      const rateUnsafe = (): number => {
        const rate = limiter.getAdjustedSamplingRateUnsafe(config.settingsUnsafe().cellagent.sampling_rate) *
          state.factor
        return rate < state.cap ? rate : state.cap
      }
      const reasons = (): ReadonlyArray<string> => {
        const found = [...state.reasons]
        if (limiter.shouldThrottleUnsafe()) found.push("load above cellagent.throttle_threshold")
        return found
      }
      const tell = (): void => {
        const lowered = reasons()
        // Rates change at every tick; the condition is the same as long as its causes are.
        if (lowered.length === 0) health.clearUnsafe("sampling")
        else health.reportUnsafe("sampling", "degraded", `sampling lowered: ${lowered.map(withoutNumbers).join(", ")}`)
        if (state.warnings.length === 0) health.clearUnsafe("resources")
        else health.reportUnsafe("resources", "degraded", state.warnings.join(", "))
      }
      const tick = (): void => {
        const now = clock.nowUnsafe()
        const { cpu_cap, cpu_share, memory_mb } = config.settingsUnsafe().limits
        const busy = own.busyMs
        state.tick(now, {
          memoryMb: own.bytesUnsafe() / 1_048_576,
          memoryMbMax: memory_mb,
          cpuShare: (busy - busyMs) / Math.max(1, now - measuredAt),
          cpuShareWarn: cpu_share,
          cpuCap: cpu_cap
        })
        measuredAt = now
        busyMs = busy
        tell()
      }
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(tickMs), Effect.sync(tick))))

      return SamplingController.of({
        rateUnsafe,
        sampleUnsafe: () => {
          const rate = rateUnsafe()
          return rate >= 1 || draw.next() < rate
        },
        applySignalUnsafe: (signal) => {
          if (signal.active || state.cap < 1) state.signal(signal, clock.nowUnsafe())
        },
        observeLatencyUnsafe: (ms) => state.latency(ms, config.settingsUnsafe().cellagent.brain_timeout_ms),
        reduceUnsafe: (reason) => state.reduce(reason, clock.nowUnsafe()),
        status: Effect.sync(() => ({ rate: rateUnsafe(), reasons: reasons() }))
      })
    })
  )

const withoutNumbers = (reason: string): string => reason.replaceAll(/ ?\d+(\.\d+)? ?(%|ms)?/g, "")
