import { describe, expect, it } from "vitest"
import { ScoreSample } from "../../../src/domain/detect/Calibration.ts"
import { rankedTail } from "../../../src/domain/detect/RankedTail.ts"

const sampleOf = (...scores: ReadonlyArray<number>) => new ScoreSample(Float32Array.from(scores), 0, scores.length)
/** 1,999 scores, among them forty alike and nothing above. */
const lump = sampleOf(...Array.from({ length: 1959 }, (_, i) => i / 2000), ...Array.from({ length: 40 }, () => 2))

describe("rankedTail", () => {
  it("does not put all calls of a kind above the sample because settled models score them a little higher", () => {
    expect(lump.tail(2.05).p).toBeLessThan(0.001)
    expect(rankedTail(lump, undefined, 1000, 2.05).p).toBeGreaterThan(0.02)
    expect(rankedTail(lump, undefined, 1000, 3).p).toBeLessThan(0.001)
  })

  it("takes a rank one standard error higher", () => {
    const steps = sampleOf(...Array.from({ length: 1999 }, (_, i) => i))
    expect(rankedTail(steps, undefined, 1000, 1998.05).p).toBeCloseTo((2 + Math.sqrt(2)) / 2000, 9)
    expect(rankedTail(steps, undefined, 1000, 5).p).toBeCloseTo(1, 1)
    expect(rankedTail(steps, undefined, 1000, 0).p).toBe(1)
  })

  it("asks the pool while there are few calls of its own, and believes the more lenient", () => {
    const own = sampleOf(...Array.from({ length: 20 }, () => 0))
    const wild = sampleOf(...Array.from({ length: 1200 }, (_, i) => i / 200))
    expect(rankedTail(own, wild, 1000, 5).p).toBeGreaterThan(0.1)
    expect(rankedTail(own, undefined, 1000, 5).p).toBeLessThan(0.01)
    expect(rankedTail(lump, wild, 1000, 5).points).toBe(lump.size)
    expect(rankedTail(undefined, wild, 1000, 5).points).toBe(wild.size)
    expect(rankedTail(undefined, undefined, 1000, 5).p).toBe(1)
  })

  it("does not call anything rare that nothing speaks against", () => {
    const quiet = sampleOf(...Array.from({ length: 2000 }, () => 0))
    expect(rankedTail(quiet, undefined, 1000, 0).p).toBe(1)
    expect(rankedTail(quiet, undefined, 1000, 0.2).p).toBeGreaterThanOrEqual(10 ** -0.4)
  })
})
