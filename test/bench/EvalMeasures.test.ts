import { describe, expect, it } from "vitest"
import { nabScore } from "../../bench/eval/nabScore.ts"
import { binomialQuantile } from "../../bench/eval/report.ts"

describe("measures of the evaluation", () => {
  it("has a bar for false alarms that a million calls do not lift", () => {
    expect(binomialQuantile(3167, 0.0015)).toBe(9)
    // Normal approximation: 1570.6 + 1.645 * 39.6.
    expect(Math.abs(binomialQuantile(1_047_065, 0.0015) - 1636)).toBeLessThanOrEqual(2)
  })

  it("scores a series as NAB does", () => {
    const window = Array.from({ length: 1000 }, (_, row) => row >= 500 && row < 600 ? 1 : 0)
    const at = (...rows: ReadonlyArray<number>) => window.map((_, row) => rows.includes(row) ? 1 : 0)
    expect(nabScore([{ window }], [at()]).score).toBe(0)
    expect(nabScore([{ window }], [at(500)]).score).toBeCloseTo(100, 6)
    expect(nabScore([{ window }], [at(590)]).score).toBeLessThan(75)
    // An alarm before any window costs 0.11 of the 2 that one window is worth; one while learning costs nothing.
    expect(nabScore([{ window }], [at(300, 500)]).score).toBeCloseTo(94.5, 6)
    expect(nabScore([{ window }], [at(100, 500)]).score).toBeCloseTo(100, 6)
  })
})
