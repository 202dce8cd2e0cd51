import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { editDistance, nearest } from "../../../src/domain/settings/Nearest.ts"

const word = FastCheck.string({ unit: FastCheck.constantFrom("a", "b", "_"), maxLength: 8 })

const isDistance = (distance: (a: string, b: string) => number): void =>
  FastCheck.assert(
    FastCheck.property(word, word, (a, b) => {
      const d = distance(a, b)
      return d === distance(b, a) && (d === 0) === (a === b) && d >= Math.abs(a.length - b.length) &&
        d <= Math.max(a.length, b.length)
    }),
    { numRuns: 500 }
  )

describe("Nearest", () => {
  it("is symmetric, zero only for equals, and bounded by the lengths", () => isDistance(editDistance))

  it("the property finds a distance that forgets deletions", () => {
    assert.throws(() => isDistance((a, b) => [...b].filter((c, i) => c !== a[i]).length))
  })

  it("counts one for each insertion, deletion, substitution and swap", () => {
    assert.deepStrictEqual(
      ([["mode", "modes"], ["mode", "ode"], ["mode", "made"], ["mode", "mdoe"], ["", "abc"], [
        "kitten",
        "sitting"
      ]] as const)
        .map(([a, b]) => editDistance(a, b)),
      [1, 1, 1, 1, 3, 3]
    )
  })

  it("finds the nearest name whatever the case", () => {
    assert.strictEqual(nearest("QUEUESIZE", ["queue_bytes", "queue_size"]), "queue_size")
  })
})
