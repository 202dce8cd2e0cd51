import { describe, expect, it } from "vitest"
import { Arena } from "../../../src/domain/detect/Arena.ts"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import { DriftTrack } from "../../../src/domain/detect/DriftTrack.ts"
import { binomialQuantile, event, random, settings } from "./support.ts"

const noise = (next: () => number) => next() + next() + next() + next() - 2

/** Evidence in each of a series of values. */
const follow = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const track = new DriftTrack(new Arena())
  return values.map((value) => {
    track.push(value)
    return track.evidence
  })
}

const most = (values: ReadonlyArray<number>) => Math.max(...values)

describe("DriftTrack", () => {
  it("sees a jump of the level at once, and reports it once", () => {
    const next = random(41)
    const values = Array.from({ length: 2000 }, (_, i) => 100 + noise(next) + (i >= 1500 ? 12 : 0))
    const evidence = follow(values)
    const before = most(evidence.slice(400, 1500))
    expect(most(evidence.slice(1500, 1504))).toBeGreaterThan(before + 0.3)
    expect(most(evidence.slice(1510, 1560))).toBeLessThan(before)
  })

  it("sees a creeping level that no single step shows", () => {
    const next = random(42)
    const steady = Array.from({ length: 1500 }, () => 100 + noise(next))
    const creeping = Array.from({ length: 400 }, (_, i) => 100 + i * 0.02 + noise(next))
    const evidence = follow([...steady, ...creeping])
    const flat = follow([...steady, ...Array.from({ length: 400 }, () => 100 + noise(next))])
    expect(most(evidence.slice(1500))).toBeGreaterThan(most(flat.slice(1500)))
  })

  it("tells series from independent values", () => {
    const next = random(43)
    const series = new DriftTrack(new Arena())
    const amounts = new DriftTrack(new Arena())
    const rare = new DriftTrack(new Arena())
    const ids = new DriftTrack(new Arena())
    let level = 50
    for (let i = 0; i < 500; i++) {
      level += noise(next) * 0.3
      series.push(level)
      amounts.push(Math.exp(5 * next()))
      rare.push(next() < 0.02 ? 1 : 0)
      ids.push(1000 + i)
    }
    expect([series.serial, amounts.serial, rare.serial, ids.serial]).toEqual([true, false, false, true])
    series.freeze()
    for (let i = 0; i < 5000; i++) series.push(next())
    expect(series.serial).toBe(true)
  })

  it("survives any number", () => {
    const extremes = [0, 1e300, -1e300, 5e-324, 1, Number.MAX_VALUE, -0]
    const evidence = follow(Array.from({ length: 700 }, (_, i) => extremes[i % extremes.length]!))
    expect(evidence.every((value) => Number.isFinite(value) && value >= 0)).toBe(true)
    expect(most(follow(Array.from({ length: 500 }, () => 7)))).toBe(0)
  })
})

describe("Detector on numbers over time", () => {
  const trainedOn = (values: ReadonlyArray<number>) => {
    const detector = new Detector(() => ({ ...settings, minSeconds: Number.MAX_SAFE_INTEGER }))
    for (const value of values) {
      const call = event("meter.report", [value])
      detector.learn(call, detector.score(call))
    }
    detector.finishLearning()
    return detector
  }

  it("explains a jump within the learned range", () => {
    const next = random(44)
    const wave = (i: number) => 100 + 40 * Math.sin(i / 60) + noise(next) * 0.3
    const detector = trainedOn(Array.from({ length: 3000 }, (_, i) => wave(i)))
    for (let i = 3000; i < 3300; i++) {
      detector.learn(event("meter.report", [wave(i)]), detector.score(event("meter.report", [wave(i)])))
    }
    const verdicts = [125, 125, 126].map((value) => detector.score(event("meter.report", [value])))
    const finding = verdicts.flatMap((verdict) => verdict.findings).find((one) => one.detector === "drift")
    expect(finding?.path).toBe("0")
    expect(finding?.seen).toMatch(/^argument 1: 12/)
  })

  it("lets identifiers count on beyond what was learned", () => {
    const detector = trainedOn(Array.from({ length: 1500 }, (_, i) => 5000 + i))
    const alarms = Array.from({ length: 1500 }, (_, i) => detector.score(event("meter.report", [6500 + i])))
      .filter((verdict) => verdict.pValue <= settings.falsePositiveRate)
    expect(alarms).toEqual([])
    // Positive control: far beyond, the range still speaks, however often it is tried.
    for (let i = 0; i < 3; i++) {
      expect(detector.score(event("meter.report", [9e9])).pValue).toBeLessThanOrEqual(settings.falsePositiveRate)
    }
  })

  it("an absurd number that was blocked does not make the ordinary ones after it look odd", () => {
    const next = random(46)
    const guests = () => 1 + Math.floor(next() * 6)
    const detector = trainedOn(Array.from({ length: 3000 }, guests))
    const ordinaryCalls = 4000
    let alarms = 0
    for (let i = 0; i < ordinaryCalls; i++) {
      // Positive control: each of the attacks themselves is an alarm.
      if (i % 100 === 0) {
        expect(detector.score(event("meter.report", [1e15])).pValue).toBeLessThanOrEqual(settings.falsePositiveRate)
      }
      const call = event("meter.report", [guests()])
      const verdict = detector.score(call)
      if (verdict.pValue <= settings.falsePositiveRate) alarms++
      detector.learn(call, verdict)
    }
    expect(alarms).toBeLessThanOrEqual(binomialQuantile(ordinaryCalls, 1.5 * settings.falsePositiveRate))
  })

  it("keeps its levels over a restart", () => {
    const next = random(45)
    const detector = trainedOn(Array.from({ length: 1500 }, (_, i) => 10 + Math.sin(i / 30) + 0.1 * noise(next)))
    const restored = new Detector(() => settings)
    expect(restored.restore(detector.snapshot())).toBe(true)
    for (const value of [10.5, 10.6, 14, 14, 10]) {
      const call = event("meter.report", [value])
      expect(restored.score(call)).toEqual(detector.score(call))
    }
  })
})
