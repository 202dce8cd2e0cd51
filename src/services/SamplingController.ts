import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { BackpressureSignal } from "../domain/BackpressureSignal.ts"

/** Which share of the calls is analysed: the base rate, adjusted by load, backpressure, latency, memory and CPU. */
export class SamplingController extends Context.Service<SamplingController, {
  /** The rate in force, in 0..1. */
  readonly rateUnsafe: () => number
  /** Draws once (keyed-random, unpredictable from outside): whether this call is analysed. */
  readonly sampleUnsafe: () => boolean
  /** Obeys a signal of the brain, from the next call on. */
  readonly applySignalUnsafe: (signal: BackpressureSignal) => void
  /** Feeds a measured round trip, in milliseconds: persistently high latency lowers the rate. */
  readonly observeLatencyUnsafe: (ms: number) => void
  /** Cuts the rate for a reason until it clears; the seed's `reduce_sampling_rate`. */
  readonly reduceUnsafe: (reason: string) => void
  /** The rate and what lowers it, for health. */
  readonly status: Effect.Effect<{ readonly rate: number; readonly reasons: ReadonlyArray<string> }>
}>()("effect-pic/services/SamplingController") {}
