import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { defaults } from "../../../src/domain/settings/Settings.ts"
import * as AnomalyDetectorLayer from "../../../src/layers/brain/AnomalyDetector.ts"
import * as BaselineProfilerLayer from "../../../src/layers/brain/BaselineProfiler.ts"
import { AnomalyDetector } from "../../../src/services/AnomalyDetector.ts"
import { BaselineProfiler } from "../../../src/services/BaselineProfiler.ts"
import { PicConfig } from "../../../src/services/PicConfig.ts"
import { event, random, search } from "../../domain/detect/support.ts"

const config = Layer.mock(PicConfig)({ settingsUnsafe: () => defaults, changes: Stream.empty })
const detection = AnomalyDetectorLayer.layer.pipe(
  Layer.provideMerge(BaselineProfilerLayer.layer),
  Layer.provide(config)
)

const learn = (count: number) =>
  Effect.gen(function*() {
    const profiler = yield* BaselineProfiler
    const detector = yield* AnomalyDetector
    const next = random(5)
    for (let i = 0; i < count; i++) {
      const call = event("shop.search", search(next), 1e12 + i * 200)
      expect(profiler.learnUnsafe(call, detector.scoreUnsafe(call))).toBe(true)
    }
    return { profiler, detector }
  })

describe("BaselineProfiler and AnomalyDetector", () => {
  it.effect("learn, then judge", () =>
    Effect.gen(function*() {
      const { detector, profiler } = yield* learn(1500)
      expect(yield* profiler.profile("shop.search")).toMatchObject({ state: "ready", needed: "" })
      const attack = event("shop.search", ["'; drop table users--", 1], 1e12 + 301_000)
      const verdict = yield* detector.score(attack)
      expect(verdict.pValue).toBeLessThanOrEqual(defaults.brain.false_positive_rate)
      expect(profiler.learnUnsafe(attack, verdict)).toBe(false)
    }).pipe(Effect.provide(detection)))

  it.effect("end learning at once when asked", () =>
    Effect.gen(function*() {
      const { profiler } = yield* learn(400)
      expect((yield* profiler.profile("shop.search"))?.state).toBe("calibrating")
      yield* profiler.finishLearning
      expect((yield* profiler.profiles).map((profile) => profile.state)).toEqual(["ready"])
      expect(yield* profiler.profile("unknown")).toBeUndefined()
    }).pipe(Effect.provide(detection)))

  it.effect("survive a restart by their snapshot", () =>
    Effect.gen(function*() {
      const { profiler } = yield* learn(1500)
      const bytes = yield* profiler.snapshot
      const attack = event("shop.search", ["<script>alert(1)</script>", 1], 1e12 + 301_000)
      const verdict = yield* Effect.gen(function*() {
        const other = yield* BaselineProfiler
        expect(yield* other.restore(new Uint8Array(3))).toBe(false)
        expect(yield* other.restore(bytes)).toBe(true)
        return yield* (yield* AnomalyDetector).score(attack)
      }).pipe(Effect.provide(Layer.fresh(detection), { local: true }))
      expect(verdict).toEqual((yield* AnomalyDetector).scoreUnsafe(attack))
    }).pipe(Effect.provide(detection)))
})
