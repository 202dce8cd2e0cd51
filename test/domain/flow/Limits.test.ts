import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Gcra from "../../../src/domain/flow/Gcra.ts"
import { eventBytes, PartitionBuffer } from "../../../src/domain/flow/PartitionBuffer.ts"
import { backoffMs, creditMax, retriesPerCall, RetryBudget } from "../../../src/domain/flow/RetryBudget.ts"
import { SlidingCount } from "../../../src/domain/flow/SlidingCount.ts"
import { makeEvent } from "../../support/Flow.ts"

describe("Gcra", () => {
  it("admits the burst at once, then one per interval, exactly", () => {
    const limit = Gcra.make(10, 3)
    let tat = 0
    const take = (now: number): boolean => {
      if (!Gcra.conforms(limit, tat, now)) return false
      tat = Gcra.take(limit, tat, now)
      return true
    }
    assert.deepStrictEqual([0, 0, 0, 0, 99.9, 100, 100, 200].map(take), [
      true,
      true,
      true,
      false,
      false,
      true,
      false,
      true
    ])
    for (let i = 3; i < 10_000; i++) assert.isTrue(take(i * 100), `${i}`)
  })

  it("refuses rates and bursts that are not positive", () => {
    for (const bad of [0, -1, NaN, Infinity]) {
      assert.throws(() => Gcra.make(bad, 1), RangeError)
      assert.throws(() => Gcra.make(1, bad), RangeError)
    }
    assert.strictEqual(Gcra.make(0.5, 0.5).burst, 1)
  })

  it("carries credit over to another limit, never more than there was nor than its burst", () => {
    fc.assert(fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 0, max: 2000 }),
      (rate, before, after, used) => {
        const from = Gcra.make(rate, before)
        const to = Gcra.make(rate / 2, after)
        const tat = Math.min(used, before) * from.intervalMs
        const kept = Gcra.credit(to, Gcra.rescale(from, to, tat, 0), 0)
        return Math.abs(kept - Math.min(before - Math.min(used, before), after)) < 1e-6
      }
    ))
  })
})

describe("RetryBudget", () => {
  it("never gives more than a tenth of the calls and its credit", () => {
    fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (steps) => {
      const budget = new RetryBudget()
      let calls = 0
      let retries = 0
      for (const isCall of steps) {
        if (isCall) {
          calls++
          budget.deposit()
        } else if (budget.withdraw()) retries++
        if (retries > calls * retriesPerCall + creditMax) return false
      }
      return true
    }))
  })

  it("pauses longer after each attempt, jittered, up to a maximum", () => {
    assert.strictEqual(backoffMs(100, 1, 0, 1000), 50)
    assert.strictEqual(backoffMs(100, 3, 0.5, 1000), 300)
    assert.isBelow(backoffMs(100, 30, 0.999, 1000), 1000)
  })
})

describe("PartitionBuffer", () => {
  it("holds each event once, within its bytes, oldest first, and accounts for every loss", () => {
    fc.assert(fc.property(
      fc.array(
        fc.record({ id: fc.integer({ min: 0, max: 30 }), gap: fc.integer({ min: 0, max: 50 }), take: fc.boolean() }),
        {
          maxLength: 200
        }
      ),
      fc.integer({ min: 0, max: 3000 }),
      (steps, bytesMax) => {
        const buffer = new PartitionBuffer()
        let now = 0
        let delivered = 0
        let added = 0
        for (const { gap, id, take } of steps) {
          now += gap
          const held = new Set(buffer.peek(1000).map((e) => e.id))
          if (!held.has(`e${id}`)) added++
          buffer.add(makeEvent(`e${id}`), now, bytesMax)
          buffer.expire(now, 200)
          if (take) {
            for (const event of buffer.peek(2)) {
              buffer.remove(event.id)
              delivered++
            }
          }
          const events = buffer.peek(1000)
          if (buffer.bytes > bytesMax || buffer.bytes !== events.reduce((sum, e) => sum + eventBytes(e), 0)) {
            return false
          }
          if (added !== delivered + buffer.dropped + buffer.size) return false
        }
        return true
      }
    ))
  })
})

describe("SlidingCount", () => {
  it("never counts less than the events of the last minute, and forgets a minute later", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 100 }), (gaps) => {
      const count = new SlidingCount()
      const times: Array<number> = []
      let now = 1_700_000_000_000
      for (const gap of gaps) {
        now += gap
        const exact = times.filter((t) => t > now - 60_000).length
        const loose = times.filter((t) => t > now - 61_000).length
        const total = count.total(now)
        if (total < exact || total > loose + 1e-9) return false
        count.add(now)
        times.push(now)
      }
      return count.total(now + 61_000) === 0
    }))
  })
})
