import { describe, expect, it } from "vitest"
import { streamTail, streamTailWords } from "../../../src/domain/detect/StreamTail.ts"
import { random } from "./support.ts"

/** A tail that has learned distances. */
const learnedFrom = (distances: ReadonlyArray<number>) => {
  const words = new Uint32Array(streamTailWords)
  const floats = new Float32Array(words.buffer)
  for (const distance of distances) streamTail(words, floats, 0, distance)
  return {
    words,
    /** The probability of a distance, without learning it. */
    of: (distance: number) => {
      const copy = words.slice()
      return streamTail(copy, new Float32Array(copy.buffer), 0, distance)
    }
  }
}

describe("streamTail", () => {
  it.each([1e-12, 1, 1e9])("answers with the share of distances beyond, on any scale (%d)", (scale) => {
    const next = random(51)
    const tail = learnedFrom(Array.from({ length: 3000 }, () => -scale * Math.log(1 - next())))
    for (const share of [0.5, 0.1, 0.02]) {
      const probability = tail.of(-scale * Math.log(share))
      expect(probability / share).toBeGreaterThan(0.7)
      expect(probability / share).toBeLessThan(1.4)
    }
  })

  it("falls as a power of the distance beyond all that were seen, and never rises", () => {
    const next = random(52)
    const tail = learnedFrom(Array.from({ length: 1000 }, () => 1 + next()))
    const distances = Array.from({ length: 60 }, (_, i) => 0.5 * 1.1 ** i)
    const probabilities = distances.map((distance) => tail.of(distance))
    expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a))
    expect(tail.of(10) / tail.of(20)).toBeGreaterThan(2.5)
    expect(tail.of(20)).toBeLessThan(0.001)
  })

  it("forgets: what was rare long ago and is usual now is not surprising", () => {
    const old = Array.from({ length: 5000 }, (_, i) => 1 + (i % 10) / 10)
    const now = Array.from({ length: 20_000 }, (_, i) => 10 + (i % 10))
    expect(learnedFrom(old).of(15)).toBeLessThan(0.001)
    expect(learnedFrom([...old, ...now]).of(15)).toBeGreaterThan(0.2)
  })

  it("says nothing of the first distances, and little of a first change", () => {
    expect(learnedFrom([1, 1, 1]).of(100)).toBe(1)
    expect(learnedFrom(Array.from({ length: 500 }, () => 0)).of(1e-30)).toBe(0.001)
    expect(learnedFrom(Array.from({ length: 500 }, () => 0)).of(0)).toBe(1)
  })

  it("counts halves of words apart, however many there are", () => {
    const tail = learnedFrom(Array.from({ length: 50_000 }, (_, i) => 1 + (i % 7)))
    const bins = tail.words.subarray(3)
    const sum = bins.reduce((total, word) => total + (word & 0xffff) + (word >>> 16), 0)
    expect(sum).toBe(tail.words[1])
    expect(sum).toBeLessThan(4096)
  })
})
