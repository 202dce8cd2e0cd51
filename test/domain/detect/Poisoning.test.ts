import { describe, expect, it } from "vitest"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import { event, random, search, settings, trained } from "./support.ts"

const searches = (seed: number, count: number) => {
  const next = random(seed)
  return Array.from({ length: count }, () => event("shop.search", search(next)))
}
const alpha = 0.01

/** Eight functions that became ready by the default budget, after some 230 calls each; `call` makes the next one. */
const young = (seed: number) => {
  const next = random(seed)
  const detector = new Detector(() => ({ ...settings, falsePositiveRate: 0.001 }))
  const call = (fn: string, args: ReadonlyArray<unknown>) => {
    const made = event(fn, args)
    const verdict = detector.score(made)
    const blocked = verdict.pValue < 0.001
    if (!blocked) detector.learn(made, verdict)
    return blocked
  }
  const ordinary = (at: number) => call(`search${at % 8}`, search(next))
  for (let i = 0; i < 1850; i++) ordinary(i)
  return { call, ordinary, profile: (fn: string) => detector.profile(fn)! }
}

describe("poisoning", () => {
  it("does not learn an attack that is repeated 10,000 times", () => {
    const detector = trained(searches(41, 2000))
    const next = random(42)
    let blocked = 0
    for (let i = 0; i < 10_000; i++) {
      const attack = event("shop.search", ["1' union select password from users--", 1])
      const verdict = detector.score(attack)
      if (verdict.pValue <= alpha) blocked++
      else detector.learn(attack, verdict)
      expect(detector.learn(attack, verdict)).toBe(verdict.pValue > alpha)
      if (i % 10 === 0) {
        const normal = event("shop.search", search(next))
        detector.learn(normal, detector.score(normal))
      }
    }
    expect(blocked).toBe(10_000)
  })

  it("is not led by a patient attacker who raises a value slowly", () => {
    const next = random(43)
    const calls = Array.from({ length: 2000 }, () => event("transfer", [100 + Math.floor(next() * 900)]))
    const detector = trained(calls)
    let value = 1000
    for (let i = 0; i < 20_000; i++) {
      const step = event("transfer", [value])
      const verdict = detector.score(step)
      if (verdict.pValue <= alpha) value *= 0.98
      else {
        detector.learn(step, verdict)
        value *= 1.01
      }
    }
    expect(detector.score(event("transfer", [50_000])).pValue).toBeLessThanOrEqual(alpha)
    expect(value).toBeLessThan(20_000)
  })

  it("learns on with a function that is judged early, until it learned 1 / budget calls", () => {
    const { ordinary, profile } = young(45)
    expect(profile("search0")).toMatchObject({ state: "ready" })
    const { calibrated } = profile("search0")
    expect(calibrated).toBeLessThan(100)
    for (let i = 0; i < 8000; i++) ordinary(i)
    expect(profile("search0").calibrated).toBe(250)
    for (let i = 0; i < 8000; i++) ordinary(i)
    expect(profile("search0").calibrated).toBe(250)
  })

  it("stops that while attacks are tried, on whatever function", () => {
    const { call, ordinary, profile } = young(46)
    let blocked = 0
    for (let i = 0; i < 100; i++) if (call("search1", ["1' union select password from users--", 1])) blocked++
    expect(blocked).toBeGreaterThan(90)
    const before = profile("search0").calibrated
    for (let i = 0; i < 8000; i++) {
      ordinary(i)
      if (i % 20 === 0) call("search1", ["1' union select password from users--", 1])
    }
    expect(profile("search0").calibrated).toBe(before)
    for (let i = 0; i < 8000; i++) ordinary(i)
    expect(profile("search0").calibrated).toBe(250)
  })

  it("would be led, if it learned everything", () => {
    const attack = () => event("shop.search", ["1' or 1=1--", 1])
    const gullible = trained(searches(44, 2000).flatMap((call, i) => i % 10 === 0 ? [attack(), call] : [call]))
    expect(gullible.score(attack()).pValue).toBeGreaterThan(alpha)
  })

  it("is not made tolerant by what looks odd and is allowed", () => {
    const detector = trained(searches(46, 400), { falsePositiveRate: 0.001 })
    const odd = () => event("shop.search", ["blue red hat", 1])
    const before = detector.score(odd()).pValue
    expect(before).toBeGreaterThan(0.001)
    expect(before).toBeLessThan(0.05)
    for (let i = 0; i < 10_000; i++) detector.learn(odd(), detector.score(odd()))
    expect(detector.score(odd()).pValue).toBe(before)
  })
})
