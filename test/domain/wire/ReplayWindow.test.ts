import { assert, describe, it } from "@effect/vitest"
import { ReplayWindow, windowBits } from "../../../src/domain/wire/ReplayWindow.ts"
import { makeRandom } from "../../support/Seeded.ts"

describe("ReplayWindow", () => {
  it("accepts every counter once, in any order that its reach allows", () => {
    const random = makeRandom(1)
    for (const start of [0, 31, 2 ** 32 - 1_000, 2 ** 48 - 10_000]) {
      const window = new ReplayWindow()
      const used = new Set<number>()
      for (let step = 0; step < 20_000; step++) {
        const counter = start + Math.max(0, Math.floor(step / 3) - random.below(1_000))
        assert.strictEqual(window.has(counter), used.has(counter), `counter ${counter}`)
        if (!window.has(counter)) window.add(counter)
        used.add(counter)
      }
    }
  })

  it("refuses what is too old to tell, and only that", () => {
    const reach = windowBits - 32
    for (const newest of [reach, 5_000, 2 ** 40 + 17]) {
      const window = new ReplayWindow()
      window.add(newest)
      assert.isTrue(window.has(newest - reach))
      assert.isFalse(window.has(newest - reach + 1))
      assert.isFalse(window.has(newest + 1))
    }
  })

  it("forgets nothing within reach when it jumps", () => {
    for (const jump of [1, 31, 32, 33, 1_000, 2_015]) {
      const window = new ReplayWindow()
      window.add(10_000)
      window.add(10_000 + jump)
      assert.isTrue(window.has(10_000))
      assert.isTrue(window.has(10_000 + jump))
      assert.isFalse(window.has(10_000 + jump + 1))
      if (jump > 1) assert.isFalse(window.has(10_001))
    }
  })
})
