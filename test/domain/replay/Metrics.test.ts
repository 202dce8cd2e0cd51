import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Metrics from "../../../src/domain/replay/Metrics.ts"

const sorted = (values: ReadonlyArray<number>): Float64Array => Float64Array.from(values).sort()

/** The definition of AUROC, pair by pair. */
const aurocByPairs = (normal: ReadonlyArray<number>, attack: ReadonlyArray<number>): number => {
  let wins = 0
  for (const a of attack) for (const n of normal) wins += a > n ? 1 : a === n ? 0.5 : 0
  return wins / (normal.length * attack.length)
}

/** The definition of TPR at FPR: the best share of attacks over all thresholds that flag few enough normal lines. */
const tprByThresholds = (normal: ReadonlyArray<number>, attack: ReadonlyArray<number>, fpr: number): number => {
  let best = 0
  for (const threshold of [-Infinity, ...normal, ...attack]) {
    if (normal.filter((n) => n > threshold).length > Math.floor(fpr * normal.length + 1e-9)) continue
    best = Math.max(best, attack.filter((a) => a > threshold).length / attack.length)
  }
  return best
}

/** A plausible mistake: attacks that tie with the threshold count as found. */
const tprWithTies = (normal: ReadonlyArray<number>, attack: ReadonlyArray<number>, fpr: number): number => {
  const limit = normal.toSorted((a, b) => b - a)[Math.floor(fpr * normal.length)] ?? -Infinity
  return attack.filter((a) => a >= limit).length / attack.length
}

const scores = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 40 })

describe("Metrics", () => {
  it("computes AUROC by hand: 3 of 4 pairs won, one tied", () => {
    // Pairs (attack, normal): 3>1, 3>2, 2>1, 2=2 -> 3.5 of 4.
    assert.strictEqual(Metrics.auroc(sorted([1, 2]), sorted([3, 2])), 3.5 / 4)
    assert.strictEqual(Metrics.auroc(sorted([1, 2]), sorted([3, 4])), 1)
    assert.strictEqual(Metrics.auroc(sorted([3, 4]), sorted([1, 2])), 0)
    assert.strictEqual(Metrics.auroc(sorted([5, 5, 5]), sorted([5, 5])), 0.5)
  })

  it("computes TPR at FPR by hand", () => {
    const normal = sorted([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const attack = sorted([9.5, 10.5, 8.5, 3])
    // No normal line may be above: the threshold is 10, and one attack exceeds it.
    assert.strictEqual(Metrics.tprAt(normal, attack, 0.05), 0.25)
    // One may: the threshold is 9, and 9.5 and 10.5 exceed it.
    assert.strictEqual(Metrics.tprAt(normal, attack, 0.1), 0.5)
    assert.strictEqual(Metrics.tprAt(normal, attack, 0.2), 0.75)
    assert.strictEqual(Metrics.tprAt(normal, attack, 1), 1)
  })

  it("never profits from ties", () => {
    // An attack at the same score as the largest normal one cannot be flagged without flagging that.
    assert.strictEqual(Metrics.tprAt(sorted([1, 5]), sorted([5]), 0), 0)
    // Two normal lines tie at 5 and one may be flagged: flagging 5 would flag both.
    assert.strictEqual(Metrics.tprAt(sorted([1, 2, 5, 5]), sorted([5, 6]), 0.25), 0.5)
  })

  it("is not misled by rounding: 0.29 of 100 is 29", () => {
    const normal = sorted(Array.from({ length: 100 }, (_, i) => i))
    assert.strictEqual(Metrics.tprAt(normal, sorted([70.5]), 0.29), 1)
    assert.strictEqual(Metrics.tprAt(normal, sorted([69.5]), 0.29), 0)
  })

  it("has nothing to say where one class is missing", () => {
    const none = new Float64Array(0)
    assert.isNull(Metrics.auroc(none, sorted([1])))
    assert.isNull(Metrics.tprAt(sorted([1]), none, 0.01))
    assert.deepStrictEqual(Metrics.rocCurve(none, none, 10), [])
  })

  it("agrees with the definitions on any scores", () => {
    fc.assert(
      fc.property(scores, scores, fc.double({ min: 0, max: 1, noNaN: true }), (normal, attack, fpr) => {
        assert.closeTo(Metrics.auroc(sorted(normal), sorted(attack))!, aurocByPairs(normal, attack), 1e-12)
        assert.strictEqual(
          Metrics.tprAt(sorted(normal), sorted(attack), fpr),
          tprByThresholds(normal, attack, fpr)
        )
      }),
      { numRuns: 500, seed: 7 }
    )
  })

  it("positive control: the comparison finds a measure that profits from ties", () => {
    const wrong = fc.check(
      fc.property(
        scores,
        scores,
        (normal, attack) => tprWithTies(normal, attack, 0.1) === tprByThresholds(normal, attack, 0.1)
      ),
      { numRuns: 500, seed: 7 }
    )
    assert.isTrue(wrong.failed)
  })

  it("draws a curve from (0, 0) to (1, 1) whose area is the AUROC", () => {
    fc.assert(
      fc.property(scores, scores, (normal, attack) => {
        const points = Metrics.rocCurve(sorted(normal), sorted(attack), 1_000)
        assert.deepStrictEqual(points[0], { fpr: 0, tpr: 0 })
        assert.deepStrictEqual(points.at(-1), { fpr: 1, tpr: 1 })
        const area = points.slice(1).reduce(
          (sum, point, i) => sum + (point.fpr - points[i]!.fpr) * (point.tpr + points[i]!.tpr) / 2,
          0
        )
        assert.closeTo(area, aurocByPairs(normal, attack), 1e-9)
      }),
      { numRuns: 200, seed: 3 }
    )
  })

  it("thins long curves and keeps their ends", () => {
    const values = Array.from({ length: 5_000 }, (_, i) => i)
    const points = Metrics.rocCurve(sorted(values), sorted(values.map((v) => v + 0.5)), 100)
    assert.strictEqual(points.length, 100)
    assert.deepStrictEqual(points.at(-1), { fpr: 1, tpr: 1 })
  })

  it("counts every value in a histogram once", () => {
    assert.deepStrictEqual(Metrics.histogram(sorted([0, 1, 1.5, 4, 9]), 4, 4), [1, 2, 0, 2])
    assert.deepStrictEqual(Metrics.histogram(sorted([0, 0]), 2, 0), [2, 0])
  })
})
