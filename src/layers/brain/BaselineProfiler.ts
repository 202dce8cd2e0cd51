import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Detector } from "../../domain/detect/Detector.ts"
import type { DetectorSettings } from "../../domain/detect/DetectorSettings.ts"
import type { Settings } from "../../domain/settings/Settings.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { PicConfig } from "../../services/PicConfig.ts"

const settingsOf = (brain: Settings["brain"]): DetectorSettings => ({
  falsePositiveRate: brain.false_positive_rate,
  minSamples: brain.min_samples,
  minSeconds: brain.min_seconds,
  minSessions: brain.min_sessions,
  functionsMax: brain.functions_max
})

/** Layer that learns every function's baseline in memory, bounded by `brain.functions_max`. */
export const layer: Layer.Layer<BaselineProfiler, never, PicConfig> = Layer.effect(
  BaselineProfiler,
  Effect.gen(function*() {
    const config = yield* PicConfig
    // Asked for several times a call, changed hardly ever.
    let brain = config.settingsUnsafe().brain
    let known = settingsOf(brain)
    const settings = (): DetectorSettings => {
      const now = config.settingsUnsafe().brain
      if (now !== brain) {
        brain = now
        known = settingsOf(now)
      }
      return known
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
