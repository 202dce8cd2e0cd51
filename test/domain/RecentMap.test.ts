import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { RecentMap } from "../../src/domain/RecentMap.ts"

describe("RecentMap", () => {
  it("keeps at least the latest `capacity` distinct keys and at most twice as many", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.nat(40), { maxLength: 200 }), (capacity, keys) => {
        const map = new RecentMap<number, number>(capacity)
        const latest: Array<number> = []
        keys.forEach((key, i) => {
          map.set(key, i)
          latest.push(key)
          assert.isAtMost(map.size, 2 * capacity + 1)
          for (const recent of latest.slice(-capacity)) assert.strictEqual(map.get(recent), latest.lastIndexOf(recent))
        })
      })
    )
  })

  it("forgets: a map that kept everything would be caught by the bound", () => {
    const map = new RecentMap<number, number>(2)
    for (let i = 0; i < 100; i++) map.set(i, i)
    assert.strictEqual(map.get(0), undefined)
    map.clear()
    assert.strictEqual(map.size, 0)
  })

  it("refuses a capacity that is not a positive integer", () => {
    for (const capacity of [0, -1, 1.5, Number.NaN]) assert.throws(() => new RecentMap(capacity), RangeError)
  })
})
