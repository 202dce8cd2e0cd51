import { describe, expect, it } from "vitest"
import { Arena } from "../../../src/domain/detect/Arena.ts"
import { Moments, together } from "../../../src/domain/detect/Moments.ts"
import { binomialQuantile, random } from "./support.ts"

/** Sessions of up to 16 calls whose surprise and rarity grow with their moments. */
const calibrated = (next: () => number) => {
  const moments = new Moments(new Arena())
  for (let i = 0; i < 4000; i++) {
    const last = Math.floor(5 * next())
    for (let moment = 0; moment <= last; moment++) {
      moments.push(moment, moment + next(), moment + next())
    }
  }
  moments.freeze()
  return moments
}

const pOf = (moments: Moments, moment: number, surprise: number, rarity: number) =>
  moments.pValue(moment, together(moments.surprise(moment, surprise), moments.rarity(moment, rarity)))

describe("Moments", () => {
  it("alarms at all moments together no more often than the budget says", () => {
    const next = random(81)
    const moments = calibrated(next)
    let tested = 0
    let alarms = 0
    let unranked = 0
    for (let i = 0; i < 4000; i++) {
      const last = Math.floor(5 * next())
      for (let moment = 0; moment <= last; moment++) {
        const surprise = moment + next()
        const rarity = moment + next()
        tested++
        if (pOf(moments, moment, surprise, rarity) <= 0.02) alarms++
        // Positive control: ranks that are taken for those of another moment break the budget.
        if (pOf(moments, Math.max(0, moment - 1), surprise, rarity) <= 0.02) unranked++
      }
    }
    // Calibration has an error of its own, as large as that of the test.
    const most = binomialQuantile(tested, 0.02) + binomialQuantile(tested, 0.02) - 0.02 * tested
    expect(alarms).toBeLessThanOrEqual(most)
    expect(alarms).toBeGreaterThan(0.01 * tested)
    expect(unranked).toBeGreaterThan(most)
  })

  it("lets evidence weigh more the more calls it rests on", () => {
    const moments = calibrated(random(82))
    expect(moments.pValue(4, 0.001)).toBeLessThan(moments.pValue(3, 0.001))
    expect(moments.pValue(3, 0.001)).toBeLessThan(moments.pValue(0, 0.001))
  })

  it("keeps sessions that are longer than normal ones at the last moment that it knows", () => {
    const moments = calibrated(random(83))
    expect([1, 2, 3, 4, 16, 17, 1000, 1e9].map((calls) => moments.at(calls))).toEqual([0, 1, 1, 2, 4, 4, 4, 4])
  })

  it("says nothing without normal sessions", () => {
    const moments = new Moments(new Arena())
    for (let i = 0; i < 7; i++) moments.push(0, i, i)
    moments.freeze()
    expect(moments.at(1)).toBe(-1)
    expect(pOf(moments, -1, 1e6, 1e6)).toBe(1)
  })

  it("takes two ranks together by Fisher's rule", () => {
    // The product of two uniform numbers is below x with probability x (1 - ln x).
    const next = random(84)
    let below = 0
    for (let i = 0; i < 20_000; i++) if (together(next(), next()) <= 0.05) below++
    expect(Math.abs(below - 1000)).toBeLessThan(150)
  })
})
