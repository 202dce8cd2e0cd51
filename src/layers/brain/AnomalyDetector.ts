import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Assessment } from "../../domain/Assessment.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { AnomalyDetector } from "../../services/AnomalyDetector.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"

/** Layer that scores events against the baselines of the profiler. */
export const layer: Layer.Layer<AnomalyDetector, never, BaselineProfiler> = Layer.effect(
  AnomalyDetector,
  BaselineProfiler.useSync((profiler) => {
    const scoreUnsafe = (event: TelemetryEvent): Assessment => profiler.modelUnsafe(event.fn).assess(event)
    return AnomalyDetector.of({ scoreUnsafe, score: (event) => Effect.sync(() => scoreUnsafe(event)) })
  })
)
