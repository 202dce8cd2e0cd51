import { describe, expect, it } from "vitest"
import { Arena } from "../../../src/domain/detect/Arena.ts"
import { RateModel } from "../../../src/domain/detect/RateModel.ts"
import { SubjectRates } from "../../../src/domain/detect/SubjectRates.ts"
import { binomialQuantile, event, random, search, trained } from "./support.ts"

const alpha = 0.001
const alarm = -Math.log10(alpha)
const start = 1.7e12

/** Calls at random, `rate` a second, by one of a hundred subjects. */
class Traffic {
  readonly model = new RateModel(new Arena(), new SubjectRates())
  readonly #next: () => number
  readonly #rate: number
  #now = start

  constructor(seed: number, rate: number) {
    this.#next = random(seed)
    this.#rate = rate
  }

  /** The evidence of one more call, at a multiple of the usual pace. */
  call(pace = 1, subject = `s${Math.floor(this.#next() * 100)}`): number {
    this.#now -= Math.log(1 - this.#next()) * 1000 / (this.#rate * pace)
    this.model.count(this.#now, subject, 1)
    return this.model.evidence(this.#now, undefined)
  }

  learn(calls: number): this {
    for (let i = 0; i < calls; i++) this.call()
    this.model.freeze()
    return this
  }

  alarms(calls: number, pace = 1): number {
    let found = 0
    for (let i = 0; i < calls; i++) if (this.call(pace) >= alarm) found++
    return found
  }

  /** The number of the first call of a burst that is an alarm. */
  found(pace: number, most: number): number {
    for (let i = 1; i <= most; i++) if (this.call(pace) >= alarm) return i
    return Infinity
  }
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

describe("RateModel", () => {
  it.each([1, 5, 11, 40])("a function called every %d hours, or after weeks of silence, is in no burst", (hours) => {
    const model = new RateModel(new Arena(), new SubjectRates())
    let now = start
    const call = (pause: number) => {
      model.count(now += pause, "", 1)
      return model.evidence(now, undefined)
    }
    const hour = 3_600_000
    for (let i = 0; i < 600; i++) call(hours * hour)
    model.freeze()
    const evidence = Array.from({ length: 400 }, (_, i) => call(i % 90 === 50 ? 500 * hour : hours * hour))
    expect(Math.max(...evidence)).toBeLessThan(alarm)
    // Positive control: the same calls within minutes are.
    expect(Math.max(...Array.from({ length: 40 }, () => call(60_000)))).toBeGreaterThanOrEqual(alarm)
  })

  it.each([0.5, 10, 400])("finds a threefold burst of %d calls a second within 50 calls", (rate) => {
    const found = Array.from({ length: 15 }, (_, i) => {
      const traffic = new Traffic(60 + i, rate).learn(4000)
      traffic.alarms(500)
      return traffic.found(3, 300)
    })
    expect(median(found)).toBeLessThanOrEqual(50)
  })

  it("alarms within the budget on calls as they were learned, and not within it on faster ones", () => {
    for (const seed of [81, 82, 83]) {
      const bound = binomialQuantile(20_000, 1.5 * alpha)
      expect(new Traffic(seed, 10).learn(4000).alarms(20_000)).toBeLessThanOrEqual(bound)
      expect(new Traffic(seed, 10).learn(4000).alarms(20_000, 4)).toBeGreaterThan(bound)
    }
  })

  it("finds one subject that hammers while the function is as busy as ever", () => {
    const found: Array<number> = []
    for (let seed = 91; seed < 100; seed++) {
      const traffic = new Traffic(seed, 10).learn(8000)
      let own = 0
      for (let i = 0; i < 600; i++) {
        if (i % 3 > 0) traffic.call()
        else if (own++ >= 0 && traffic.call(1, "hammer") >= alarm) break
      }
      found.push(own)
    }
    expect(median(found)).toBeLessThanOrEqual(50)
  })

  it("does not count calls without a time", () => {
    const model = new RateModel(new Arena(), new SubjectRates())
    for (let i = 0; i < 5000; i++) {
      model.count(0, "s", 1)
      expect(model.evidence(0, undefined)).toBe(0)
    }
    const detector = trained(Array.from({ length: 800 }, () => event("f", ["a"])), { falsePositiveRate: 0.005 })
    for (let i = 0; i < 200; i++) expect(detector.score(event("f", ["a"])).score).toBe(0)
  })

  it("survives a clock that steps, either way", () => {
    const traffic = new Traffic(101, 10).learn(4000)
    traffic.model.count(start - 3_600_000, "s", 1)
    traffic.model.count(start + 400 * 86_400_000, "s", 1)
    traffic.alarms(400)
    expect(traffic.alarms(2000)).toBeLessThanOrEqual(binomialQuantile(2000, 1.5 * alpha))
  })

  it("explains a burst in calls", () => {
    const next = random(102)
    let now = start
    const calls = Array.from({ length: 4000 }, () => event("f", search(next), now += 200 * next()))
    const detector = trained(calls)
    const verdicts = Array.from({ length: 60 }, () => detector.score(event("f", search(next), now += 20 * next())))
    const found = verdicts.flatMap((verdict) => verdict.findings).filter((finding) => finding.detector === "rate")
    expect(found.map((finding) => finding.seen)).toContainEqual(
      expect.stringMatching(/^32 calls [\d.]+ times as fast as usual$/)
    )
  })
})

describe("SubjectRates", () => {
  it("keeps a busy subject against any number of others, in fixed memory", () => {
    const rates = new SubjectRates()
    let level = 0
    for (let i = 0; i < 200_000; i++) {
      rates.count(`s${i}`, 1, start + i / 100)
      if (i % 100 === 0) level = rates.count("busy", 1, start + i / 100)
    }
    expect(level).toBeGreaterThan(1500)
    expect(rates.bytes).toBeLessThan(128 * 1024)
  })

  it("forgets with time, and tells functions apart", () => {
    const rates = new SubjectRates()
    for (let i = 0; i < 20; i++) rates.count("s", 1, start)
    expect(rates.count("s", 2, start)).toBe(1)
    expect(rates.count("s", 1, start)).toBe(21)
    expect(rates.count("s", 1, start + 100_000)).toBeLessThan(1.01)
  })
})
