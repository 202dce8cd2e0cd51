import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Backpressure } from "../../domain/flow/Backpressure.ts"
import type { BackpressureSignal } from "../../domain/BackpressureSignal.ts"
import { BackpressureController } from "../../services/BackpressureController.ts"
import { EventQueue } from "../../services/EventQueue.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"

/** Layer that signals from the fullness of the event queue. */
export const layer: Layer.Layer<BackpressureController, never, EventQueue | PicConfig | PicMetrics> = Layer.effect(
  BackpressureController,
  Effect.gen(function*() {
    const queue = yield* EventQueue
    const config = yield* PicConfig
    const metrics = yield* PicMetrics
    const state = new Backpressure()

    const checkAndSignalUnsafe = (): BackpressureSignal => {
      const utilization = queue.utilizationUnsafe()
      metrics.queueUtilizationUnsafe(utilization)
      const before = state.activations
      const signal = state.observe(utilization, config.settingsUnsafe().brain.backpressure_threshold)
      if (state.activations > before) metrics.incrementUnsafe("backpressure_activations")
      return signal
    }
    return BackpressureController.of({
      checkAndSignalUnsafe,
      checkAndSignal: Effect.sync(checkAndSignalUnsafe),
      getRecommendedRate: Effect.sync(() => checkAndSignalUnsafe().recommendedRate),
      activations: Effect.sync(() => state.activations)
    })
  })
)
