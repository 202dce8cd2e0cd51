import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Assessment } from "../domain/Assessment.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** Scores an event against the baseline of its function; every score is a calibrated p-value with an explanation. */
export class AnomalyDetector extends Context.Service<AnomalyDetector, {
  readonly scoreUnsafe: (event: TelemetryEvent) => Assessment
  readonly score: (event: TelemetryEvent) => Effect.Effect<Assessment>
}>()("effect-pic/services/AnomalyDetector") {}
