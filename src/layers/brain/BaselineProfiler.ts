import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Detector } from "../../domain/detect/Detector.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { PicConfig } from "../../services/PicConfig.ts"

/** Layer that learns every function's baseline in memory, bounded by `brain.functions_max`. */
export const layer: Layer.Layer<BaselineProfiler, never, PicConfig> = Layer.effect(
  BaselineProfiler,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const settings = () => {
      const brain = config.settingsUnsafe().brain
      return {
        falsePositiveRate: brain.false_positive_rate,
        minSamples: brain.min_samples,
        minSeconds: brain.min_seconds,
        minSessions: brain.min_sessions,
        functionsMax: brain.functions_max
      }
    }
    let detector = new Detector(settings)
    return BaselineProfiler.of({
      modelUnsafe: (fn) => detector.model(fn),
      learnUnsafe: (event, assessment) => {
        try {
          return detector.learn(event, assessment)
        } catch {
          return false
        }
      },
      learnOutcomeUnsafe: (report) => {
        try {
          return detector.learnOutcome(report)
        } catch {
          return undefined
        }
      },
      finishLearning: Effect.sync(() => detector.finishLearning()),
      profile: (fn) => Effect.sync(() => detector.profile(fn)),
      profiles: Effect.sync(() => detector.profiles()),
      snapshot: Effect.sync(() => detector.snapshot()),
      restore: (bytes) => Effect.sync(() => detector.restore(bytes)),
      readyUnsafe: () => detector.ready,
      forget: (fn) => Effect.sync(() => detector.forget(fn)),
      reset: Effect.sync(() => {
        detector = new Detector(settings)
      })
    })
  })
)
