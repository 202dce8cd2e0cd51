import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { RateLimitStatus } from "../domain/RateLimitStatus.ts"

/** Limits events per function and in all (GCRA; both or neither), in bounded memory. */
export class RateLimiter extends Context.Service<RateLimiter, {
  /** Takes one token of the function and one of the global limit, or none at all. */
  readonly checkRateUnsafe: (fn: string) => boolean
  readonly checkRate: (fn: string) => Effect.Effect<boolean>
  /** Whether use of the global limit is above `throttle_threshold`. */
  readonly shouldThrottleUnsafe: () => boolean
  readonly shouldThrottle: Effect.Effect<boolean>
  /** The base rate, lowered in proportion to the load above the threshold. */
  readonly getAdjustedSamplingRateUnsafe: (baseRate: number) => number
  /** Throttles until the load has fallen: the seed's recovery from performance errors. */
  readonly enterThrottlingModeUnsafe: (reason: string) => void
  readonly status: Effect.Effect<RateLimitStatus>
}>()("effect-pic/services/RateLimiter") {}
