import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { disorderMs, TraceTimes } from "../../../src/domain/replay/TraceTimes.ts"

const seen = (times: ReadonlyArray<number>): ReadonlyArray<number> => {
  const trace = new TraceTimes()
  return times.map((t) => trace.of("f", t))
}

describe("TraceTimes", () => {
  it("leaves times alone that go forwards, and small disorder", () => {
    assert.deepStrictEqual(seen([1e12, 1e12 + 5, 1e12 + 5 + 1e10]), [1e12, 1e12 + 5, 1e12 + 5 + 1e10])
    assert.deepStrictEqual(seen([1e12, 1e12 - disorderMs, 1e12 + 1]), [1e12, 1e12 - disorderMs, 1e12 + 1])
  })

  it("puts a recording that begins before the end of the last one behind it, at the mean distance of calls", () => {
    const start = 1e12
    // Three calls in 500 s: 250 s apart on average.
    const second = start + 750_000
    assert.deepStrictEqual(seen([start, start + 100_000, start + 500_000, start, start + 7, start + 500_000]), [
      start,
      start + 100_000,
      start + 500_000,
      second,
      second + 7,
      second + 500_000
    ])
    assert.deepStrictEqual(seen([start, start - disorderMs - 1]), [start, start])
  })

  it("keeps functions apart", () => {
    const trace = new TraceTimes()
    trace.of("new", 2e12)
    assert.strictEqual(trace.of("old", 1e12), 1e12)
  })

  it("never steps back by more than the disorder it allows", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 4e12, noNaN: true })), (times) => {
        let last = -Infinity
        for (const time of seen(times)) {
          assert.isAtLeast(time, last - disorderMs)
          last = Math.max(last, time)
        }
      }),
      { seed: 3 }
    )
  })
})
