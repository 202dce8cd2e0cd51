import { assert, describe, it } from "@effect/vitest"
import { AnomalyShare } from "../../../src/domain/detect/AnomalyShare.ts"

/** How often an operator is told, if every `every`-th of some calls looks anomalous. */
const told = (share: AnomalyShare, calls: number, every: number): number => {
  let reviews = 0
  for (let i = 1; i <= calls; i++) {
    const anomalous = i % every === 0
    share.push(anomalous)
    if (anomalous && share.takeReview()) reviews++
  }
  return reviews
}

describe("AnomalyShare", () => {
  it("is quiet while the budget explains what looks anomalous", () => {
    const random = [0.001, 0.01].map((budget) => {
      const share = new AnomalyShare()
      let quiet = 0
      for (let i = 0; i < 100_000; i++) {
        share.push((i * 0.6180339887498949) % 1 < budget)
        if (share.quiet(budget)) quiet++
      }
      return quiet
    })
    assert.deepEqual(random, [100_000, 100_000])
    const attacked = new AnomalyShare()
    for (let i = 0; i < 100; i++) attacked.push(i % 10 === 0)
    assert.isFalse(attacked.quiet(0.001))
  })

  it("tells once of an episode, and again of the next", () => {
    const share = new AnomalyShare()
    assert.strictEqual(told(share, 1_000, 2), 1)
    assert.closeTo(share.value, 0.5, 0.1)
    assert.strictEqual(told(share, 1_000, 5), 0, "still the same episode")
    assert.strictEqual(told(share, 2_000, 1_000), 0)
    assert.strictEqual(told(share, 1_000, 2), 1)
  })

  it("says nothing of what a budget may hold, or of a few calls", () => {
    assert.strictEqual(told(new AnomalyShare(), 100_000, 100), 0)
    assert.strictEqual(told(new AnomalyShare(), 26, 1), 0)
    assert.strictEqual(told(new AnomalyShare(), 27, 1), 1)
  })
})
