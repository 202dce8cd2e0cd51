import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { BackpressureSignal } from "../domain/BackpressureSignal.ts"

/** Turns the state of the queue into the signal that every signed reply carries, with hysteresis. */
export class BackpressureController extends Context.Service<BackpressureController, {
  readonly checkAndSignalUnsafe: () => BackpressureSignal
  readonly checkAndSignal: Effect.Effect<BackpressureSignal>
  /** The recommended sampling rate, in 0..1. */
  readonly getRecommendedRate: Effect.Effect<number>
  /** How often the signal became active. */
  readonly activations: Effect.Effect<number>
}>()("effect-pic/services/BackpressureController") {}
