import { describe, expect, it } from "vitest"
import { Arena } from "../../../src/domain/detect/Arena.ts"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import { DriftTrack } from "../../../src/domain/detect/DriftTrack.ts"
import { binomialQuantile, event, random, settings } from "./support.ts"

const noise = (next: () => number) => next() + next() + next() + next() - 2

/** Evidence in each of a series of values, `minutes` apart; 0: at unknown times. */
const follow = (values: ReadonlyArray<number>, minutes = 0): ReadonlyArray<number> => {
  const track = new DriftTrack(new Arena())
  return values.map((value, i) => {
    track.push(value, minutes === 0 ? 0 : 1.7e12 + i * minutes * 60_000)
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

  it("sees steps that shrink to a flat line or grow to a storm, around the same level", () => {
    const next = random(47)
    let level = 0
    const values = (share: (i: number) => number) =>
      Array.from({ length: 2000 }, (_, i) => 100 + (level = 0.7 * level + share(i) * noise(next)))
    const changed = (i: number) => i >= 1500 && i < 1560
    const steady = most(follow(values(() => 1)).slice(400))
    const storm = follow(values((i) => changed(i) ? 4 : 1))
    expect(most(storm.slice(1500, 1560))).toBeGreaterThan(steady)
    const flat = values(() => 1).map((value, i, all) => changed(i) ? all[1500]! : value)
    expect(most(follow(flat).slice(1500, 1562))).toBeGreaterThan(most(follow(flat.slice(0, 1500)).slice(1000)))
    const track = new DriftTrack(new Arena())
    for (const value of flat.slice(0, 1560)) track.push(value, 0)
    expect(track.explanation).toEqual({
      expected: expect.stringMatching(/^steps of about [0-9.]+, the mean of the last \d+ calls$/),
      seen: expect.stringMatching(/^steps of about [0-9.]+ in the last \d+ calls$/)
    })
  })

  it("misses the peak of a day that does not come, where it knows the time", () => {
    const next = random(48)
    const perDay = 96
    const quietDay = 41
    const days = Array.from({ length: 45 * perDay }, (_, i) => {
      const peak = Math.floor(i / perDay) === quietDay ? 0.3 : 1
      return 20 + 60 * peak * Math.max(0, Math.sin(i * 2 * Math.PI / perDay)) + 2 * noise(next)
    })
    const found = (minutes: number) => {
      const evidence = follow(days, minutes)
      const begin = quietDay * perDay
      return most(evidence.slice(begin, begin + perDay)) - most(evidence.slice(begin - 20 * perDay, begin))
    }
    expect(found(15)).toBeGreaterThan(0.3)
    // Positive control: it is the time that shows it.
    expect(found(0)).toBeLessThan(0)
  })

  it("takes a second kilobyte only for a number that is seen in two hours", () => {
    const track = new DriftTrack(new Arena())
    for (let i = 0; i < 3000; i++) track.push(i % 7, 1.7e12 + i)
    expect(track.bytes).toBeLessThan(1.1 * 1024)
    track.push(3, 1.7e12 + 3_600_000)
    expect(track.bytes).toBeGreaterThan(2 * 1024)
    expect(track.bytes).toBeLessThan(2.1 * 1024)
  })

  it("reports what comes back every day less and less", () => {
    const next = random(49)
    const days = 120
    const evidence = follow(
      Array.from({ length: 300 * days }, (_, i) => 10 + 0.3 * noise(next) + (i % 300 === 150 ? 40 + noise(next) : 0))
    )
    const reported = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => most(evidence.slice((from + i) * 300 + 150, (from + i) * 300 + 155)))
        .filter((one) => one > 1.5).length
    expect(reported(0, 20)).toBeGreaterThan(15)
    expect(reported(40, 60)).toBeLessThan(12)
    expect(reported(100, days)).toBeLessThan(5)
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
      series.push(level, 0)
      amounts.push(Math.exp(5 * next()), 0)
      rare.push(next() < 0.02 ? 1 : 0, 0)
      ids.push(1000 + i, 0)
    }
    expect([series.serial, amounts.serial, rare.serial, ids.serial]).toEqual([true, false, false, true])
    series.freeze()
    for (let i = 0; i < 5000; i++) series.push(next(), 0)
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

  it("lets a level wander through zero, and not to another order of magnitude", () => {
    const next = random(50)
    let level = 60
    const wander = () => level += 2 * noise(next) - (level > 0 ? 0.01 : 0)
    const detector = trainedOn(Array.from({ length: 1500 }, wander))
    const judged = (value: number) => detector.score(event("meter.report", [value])).pValue
    for (let value = level; value > 1; value = wander()) judged(value)
    let alarms = 0
    const calls = 1500
    for (let i = 0; i < calls; i++) {
      level -= 0.02
      if (judged(wander()) <= settings.falsePositiveRate) alarms++
    }
    expect(level).toBeLessThan(-20)
    expect(alarms).toBeLessThanOrEqual(binomialQuantile(calls, 1.5 * settings.falsePositiveRate))
    // Positive control: the range still speaks, far below and in a form that is no number.
    expect(judged(-1e6)).toBeLessThanOrEqual(settings.falsePositiveRate)
    expect(judged(Number.NaN)).toBeLessThanOrEqual(settings.falsePositiveRate)
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

  it("keeps its levels and its hours over a restart", () => {
    const next = random(45)
    const detector = new Detector(() => ({ ...settings, minSeconds: Number.MAX_SAFE_INTEGER }))
    const call = (i: number, value: number) => event("meter.report", [value], 1.7e12 + i * 600_000)
    for (let i = 0; i < 1500; i++) {
      const one = call(i, 10 + Math.sin(i * 2 * Math.PI / 144) + 0.1 * noise(next))
      detector.learn(one, detector.score(one))
    }
    detector.finishLearning()
    const restored = new Detector(() => settings)
    expect(restored.restore(detector.snapshot())).toBe(true)
    const values = [10.5, 10.6, 14, 14, 10]
    values.forEach((value, i) =>
      expect(restored.score(call(1500 + i, value))).toEqual(detector.score(call(1500 + i, value)))
    )
    expect(restored.snapshot()).toEqual(detector.snapshot())
  })
})
