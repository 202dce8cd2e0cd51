import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { suspicionOf } from "../../../src/domain/replay/Suspicion.ts"

describe("Suspicion", () => {
  it("is -log10 p, and 0 for a call that nothing speaks against", () => {
    assert.strictEqual(suspicionOf({ pValue: 1, score: 0 }), 0)
    assert.closeTo(suspicionOf({ pValue: 0.001, score: 0 }), 3, 1e-12)
  })

  it("orders calls of one p-value by their score", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 50, noNaN: true }),
        fc.double({ min: 0.001, max: 5, noNaN: true }),
        (score, more) => suspicionOf({ pValue: 0.01, score: score + more }) > suspicionOf({ pValue: 0.01, score })
      ),
      { seed: 5 }
    )
  })

  it("never turns two ranks of a calibration sample around, whatever the scores", () => {
    for (let rank = 1; rank <= 4_096; rank++) {
      const [less, more] = [(rank + 1) / 4_097, rank / 4_097]
      assert.isAbove(suspicionOf({ pValue: more, score: 0 }), suspicionOf({ pValue: less, score: Infinity }))
    }
  })

  it("stays finite for a p-value of 0 and a score that is no number", () => {
    for (const score of [Number.NaN, Infinity, -1]) assert.isTrue(Number.isFinite(suspicionOf({ pValue: 0, score })))
  })
})
