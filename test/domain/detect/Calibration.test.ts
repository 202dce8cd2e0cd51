import { describe, expect, it } from "vitest"
import { ScoreSample } from "../../../src/domain/detect/Calibration.ts"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import type { TelemetryEvent } from "../../../src/domain/TelemetryEvent.ts"
import { binomialQuantile, event, random, search, settings } from "./support.ts"

type Judge = (call: TelemetryEvent) => number

const test = 6000

/** False alarms of a judge on traffic of the kind it learned. */
const alarms = (make: (learn: ReadonlyArray<TelemetryEvent>) => Judge, seed: number, alpha: number): number => {
  const next = random(seed)
  const calls = Array.from({ length: 4000 + test }, () => event("shop.search", search(next)))
  const judge = make(calls.slice(0, 4000))
  return calls.slice(4000).filter((call) => judge(call) <= alpha).length
}

const calibrated = (alpha: number) => (learn: ReadonlyArray<TelemetryEvent>): Judge => {
  const detector = new Detector(() => ({ ...settings, falsePositiveRate: alpha }))
  for (const call of learn) detector.learn(call, detector.score(call))
  detector.finishLearning()
  return (call) => {
    const verdict = detector.score(call)
    detector.learn(call, verdict)
    return verdict.pValue
  }
}

/** A detector that takes its raw evidence for a p-value, as detectors without calibration do. */
const uncalibrated = (learn: ReadonlyArray<TelemetryEvent>): Judge => {
  const detector = new Detector(() => settings)
  for (const call of learn) detector.learn(call, detector.score(call))
  detector.finishLearning()
  return (call) => 10 ** -(2 * detector.score(call).score)
}

describe("the false-positive budget", () => {
  for (const alpha of [0.01, 0.002]) {
    it(`holds at ${alpha} on exchangeable traffic`, () => {
      for (const seed of [31, 32, 33]) {
        expect(alarms(calibrated(alpha), seed, alpha)).toBeLessThanOrEqual(binomialQuantile(test, 1.5 * alpha))
      }
    })
  }

  it("holds at 0.001 for functions that learned 120 calls, whose p-values are extrapolated", () => {
    const young = 1000
    let total = 0
    for (let seed = 200; seed < 240; seed++) {
      const next = random(seed)
      const judge = calibrated(0.001)(Array.from({ length: 120 }, () => event("shop.search", search(next))))
      for (let i = 0; i < young; i++) if (judge(event("shop.search", search(next))) <= 0.001) total++
      expect(judge(event("shop.search", ["x' or 1=1; drop table users--", 1]))).toBeLessThanOrEqual(0.01)
    }
    expect(total).toBeLessThanOrEqual(binomialQuantile(40 * young, 1.5 * 0.001))
  })

  it("would not hold without calibration", () => {
    expect(alarms(uncalibrated, 31, 0.01)).toBeGreaterThan(binomialQuantile(test, 0.015))
  })
})

describe("ScoreSample", () => {
  it("gives the conformal rank inside the sample", () => {
    const sample = new ScoreSample(Float32Array.from({ length: 99 }, (_, i) => i / 10), 0, 99)
    expect(sample.tail(-1)).toEqual({ p: 1, extrapolated: false })
    expect(sample.tail(9.8).p).toBe(2 / 100)
    expect(sample.tail(5).p).toBe(50 / 100)
  })

  it("extrapolates beyond it, never upwards, and says so", () => {
    const next = random(34)
    const sample = new ScoreSample(Float32Array.from({ length: 500 }, () => -Math.log10(1 - next())), 0, 500)
    let last = 1
    for (let score = 0; score < 20; score += 0.25) {
      const { p } = sample.tail(score)
      expect(p).toBeLessThanOrEqual(last)
      expect(p).toBeGreaterThan(0)
      last = p
    }
    expect(sample.tail(20)).toMatchObject({ extrapolated: true })
  })
})
