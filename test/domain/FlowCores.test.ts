import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { createHash } from "node:crypto"
import { AlertGate, perMinuteMax } from "../../src/domain/AlertGate.ts"
import { describeCause } from "../../src/domain/CauseSummary.ts"
import { ChaosPlan } from "../../src/domain/ChaosPlan.ts"
import * as Gcra from "../../src/domain/Gcra.ts"
import * as Health from "../../src/domain/Health.ts"
import { LatencyHistogram } from "../../src/domain/LatencyHistogram.ts"
import { OwnUsage } from "../../src/domain/OwnUsage.ts"
import { eventBytes, PartitionBuffer } from "../../src/domain/PartitionBuffer.ts"
import * as Prometheus from "../../src/domain/Prometheus.ts"
import { Rates } from "../../src/domain/Rates.ts"
import { backoffMs, creditMax, RetryBudget, retriesPerCall } from "../../src/domain/RetryBudget.ts"
import { factorMin, latencySamplesMin, reducedMs, type Resources, SamplingRate } from "../../src/domain/SamplingRate.ts"
import { SlidingCount } from "../../src/domain/SlidingCount.ts"
import { Xoshiro128 } from "../../src/domain/Xoshiro128.ts"
import { makeEvent, settingsWith } from "../support/flow.ts"

const makeSeed = (seed: number, length: number): Uint8Array =>
  new Uint8Array(createHash("sha256").update(String(seed)).digest()).slice(0, length)

describe("Gcra", () => {
  it("admits the burst at once, then one per interval, exactly", () => {
    const limit = Gcra.make(10, 3)
    let tat = 0
    const take = (now: number): boolean => {
      if (!Gcra.conforms(limit, tat, now)) return false
      tat = Gcra.take(limit, tat, now)
      return true
    }
    assert.deepStrictEqual([0, 0, 0, 0, 99.9, 100, 100, 200].map(take), [true, true, true, false, false, true, false, true])
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
      fc.array(fc.record({ id: fc.integer({ min: 0, max: 30 }), gap: fc.integer({ min: 0, max: 50 }), take: fc.boolean() }), {
        maxLength: 200
      }),
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
          if (buffer.bytes > bytesMax || buffer.bytes !== events.reduce((sum, e) => sum + eventBytes(e), 0)) return false
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

describe("LatencyHistogram", () => {
  it("gives percentiles within 2 %, whatever the values", () => {
    fc.assert(fc.property(
      fc.array(fc.double({ min: 0.001, max: 50_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
      fc.constantFrom(0.01, 0.5, 0.95, 0.99, 1),
      (values, q) => {
        const histogram = new LatencyHistogram()
        for (const value of values) histogram.record(value)
        const exact = values.toSorted((a, b) => a - b)[Math.ceil(q * values.length) - 1]!
        return Math.abs(histogram.quantile(q) - exact) <= 0.02 * exact
      }
    ))
  })

  it("counts what is not a time without breaking", () => {
    const histogram = new LatencyHistogram()
    assert.strictEqual(histogram.quantile(0.5), 0)
    for (const odd of [NaN, -1, 0, Infinity]) histogram.record(odd)
    assert.strictEqual(histogram.count, 4)
    assert.deepStrictEqual(histogram.cumulative([1, 1e9]), [3, 4])
  })
})

describe("Xoshiro128", () => {
  it("gives the numbers of the reference implementation", () => {
    const draw = new Xoshiro128(() => Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0))
    const words = Array.from({ length: 10 }, () => draw.next() * 0x1_0000_0000)
    assert.deepStrictEqual(
      words,
      [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295, 495546011, 621204420]
    )
  })

  it("draws evenly, over several seeds, and leaves the one state it could not leave", () => {
    let seed = 0
    const draw = new Xoshiro128((length) => makeSeed(seed++, length))
    assert.isBelow(new Xoshiro128((length) => new Uint8Array(length)).next(), 1)
    const buckets = new Array<number>(16).fill(0)
    const draws = 160_000
    for (let i = 0; i < draws; i++) {
      const value = draw.next()
      assert.isTrue(value >= 0 && value < 1)
      buckets[Math.floor(value * 16)]!++
    }
    // Chi-squared with 15 degrees of freedom: above 44.3 one time in ten thousand.
    const chi = buckets.reduce((sum, n) => sum + (n - draws / 16) ** 2 / (draws / 16), 0)
    assert.isBelow(chi, 44.3)
    assert.isAtLeast(seed, 3)
  })
})

describe("Prometheus", () => {
  it("writes help, type and escaped samples", () => {
    const text = Prometheus.format([{
      name: "pic_x_total",
      help: "a\\b\nc",
      type: "counter",
      samples: [{ value: 1 }, { labels: { fn: "a\"b\\c\nd" }, value: Infinity }, { suffix: "_sum", value: NaN }]
    }])
    assert.strictEqual(
      text,
      "# HELP pic_x_total a\\\\b\\nc\n# TYPE pic_x_total counter\npic_x_total 1\n" +
        "pic_x_total{fn=\"a\\\"b\\\\c\\nd\"} +Inf\npic_x_total_sum NaN\n"
    )
  })
})

describe("Rates", () => {
  it("follows the last ten seconds", () => {
    const rates = new Rates(0, [0])
    for (let s = 1; s <= 60; s++) rates.mark(s * 1000, [s * 100])
    assert.closeTo(rates.rate(0, 6000, 60_000), 100, 1e-9)
    for (let s = 61; s <= 80; s++) rates.mark(s * 1000, [6000])
    assert.strictEqual(rates.rate(0, 6000, 80_000), 0)
  })

  it("does not make a rate of a thousand out of one event in a millisecond", () => {
    assert.strictEqual(new Rates(0, [0]).rate(0, 1, 1), 1)
  })
})

describe("Health", () => {
  const settings = settingsWith({ rollout: { mode: "enforce", percent: 10 } })

  it("says in one line what is done, or why nothing is", () => {
    assert.strictEqual(Health.status(settingsWith({}), []).line, "OBSERVING")
    assert.strictEqual(Health.status(settings, []).line, "ENFORCING 10 %")
    const slow = { severity: "degraded", reason: "slow" } as const
    const dead = { severity: "not_protecting", reason: "dead" } as const
    assert.deepStrictEqual(Health.status(settings, [slow]), {
      state: "degraded",
      reasons: ["slow"],
      line: "ENFORCING 10 % (degraded: slow)"
    })
    assert.deepStrictEqual(Health.status(settings, [slow, dead]), {
      state: "not_protecting",
      reasons: ["dead", "slow"],
      line: "NOT PROTECTING: dead"
    })
    assert.strictEqual(
      Health.status(settingsWith({ cellagent: { enabled: false } }), []).line,
      "NOT PROTECTING: cellagent.enabled is false"
    )
  })
})

describe("AlertGate", () => {
  it("bounds each kind a minute and says how many were held back", () => {
    const gate = new AlertGate()
    const passed = Array.from({ length: 100 }, (_, i) => gate.admit("security_violation", `m${i}`, i))
    assert.strictEqual(passed.filter((m) => m !== undefined).length, perMinuteMax)
    assert.strictEqual(gate.admit("review", "other", 100), "other")
    assert.strictEqual(gate.admit("security_violation", "later", 61_000), "later (and 90 more before it)")
    assert.strictEqual(gate.admit("security_violation", "last", 61_001), "last")
  })
})

describe("describeCause", () => {
  it("names the failure and its place, never its message", () => {
    const text = describeCause(new TypeError("secret 4711"))
    assert.match(text, /^TypeError at /)
    assert.notInclude(text, "secret")
    assert.strictEqual(describeCause("secret"), "a thrown string")
    assert.strictEqual(describeCause(null), "a thrown object")
    assert.match(describeCause({ reasons: [{ _tag: "Die", defect: new RangeError("secret") }] }), /^RangeError/)
    const hostile = new Proxy({}, { has: () => { throw new Error("no") } })
    assert.strictEqual(describeCause(hostile), "a failure that cannot be read")
  })
})

describe("SamplingRate", () => {
  const idle: Resources = { memoryMb: 1, memoryMbMax: 100, cpuShare: 0, cpuShareWarn: 0.05, cpuCap: "off" }

  it("lowers for persistent latency only, and restores", () => {
    const rate = new SamplingRate()
    for (let i = 0; i < latencySamplesMin - 1; i++) rate.latency(40, i, 10)
    assert.strictEqual(rate.factor, 1)
    rate.latency(40, 20, 10)
    assert.closeTo(rate.factor, 0.25, 1e-9)
    for (let i = 0; i < 40; i++) rate.latency(1, 30 + i, 10)
    assert.strictEqual(rate.factor, 1)
  })

  it("forgets a latency that no call confirms", () => {
    const rate = new SamplingRate()
    for (let i = 0; i < 50; i++) rate.latency(1000, i, 10)
    assert.strictEqual(rate.factor, factorMin)
    rate.tick(10_000, idle)
    assert.strictEqual(rate.factor, 1)
  })

  it("cuts on request and restores by time", () => {
    const rate = new SamplingRate()
    rate.reduce("why", 0)
    assert.strictEqual(rate.factor, 0.5)
    assert.deepStrictEqual(rate.reasons(1), ["why"])
    rate.tick(reducedMs + 1, idle)
    assert.strictEqual(rate.factor, 1)
    assert.deepStrictEqual(rate.reasons(reducedMs + 1), [])
  })

  it("warns near the memory limit and sheds beyond it", () => {
    const rate = new SamplingRate()
    rate.tick(0, { ...idle, memoryMb: 85 })
    assert.strictEqual(rate.factor, 1)
    assert.lengthOf(rate.warnings, 1)
    rate.tick(0, { ...idle, memoryMb: 200 })
    assert.closeTo(rate.factor, 1 / 16, 1e-9)
    rate.tick(0, idle)
    assert.strictEqual(rate.factor, 1)
  })

  it("only warns about processor time without a cap, and settles below one", () => {
    const rate = new SamplingRate()
    rate.tick(0, { ...idle, cpuShare: 0.5 })
    assert.strictEqual(rate.factor, 1)
    assert.lengthOf(rate.warnings, 1)
    let worst = 0
    for (let i = 0; i < 200; i++) {
      const share = 0.4 * rate.factor
      if (i > 20) worst = Math.max(worst, share)
      rate.tick(i, { ...idle, cpuShare: share, cpuCap: 0.1 })
    }
    assert.isAtMost(worst, 0.1 + 1e-9)
    assert.closeTo(rate.factor, 0.25, 1e-6)
  })
})

describe("OwnUsage", () => {
  it("sums what is registered", () => {
    const own = new OwnUsage()
    const remove = own.registerUnsafe(() => 5)
    own.registerUnsafe(() => 7)
    assert.strictEqual(own.bytesUnsafe(), 12)
    remove()
    own.busyUnsafe(3)
    own.busyUnsafe(-1)
    assert.deepStrictEqual([own.bytesUnsafe(), own.busyMs], [7, 3])
  })
})

describe("ChaosPlan", () => {
  it("is reproducible by seed and fires as often as asked", () => {
    const run = (seed: number) => {
      const plan = new ChaosPlan({ seed, drop: 0.2, fail: 0.3 })
      return { faults: Array.from({ length: 5000 }, () => plan.next()), fired: plan.fired() }
    }
    const first = run(1)
    assert.deepStrictEqual(run(1), first)
    assert.notDeepEqual(run(2).faults, first.faults)
    assert.closeTo(first.fired.drop / 5000, 0.2, 0.03)
    assert.closeTo(first.fired.fail / 5000, 0.3, 0.03)
    assert.strictEqual(Object.values(first.fired).reduce((a, b) => a + b), 5000)
  })

  it("flips exactly one bit of a copy, and refuses what is not a probability", () => {
    const plan = new ChaosPlan({ seed: 3 })
    const bytes = new Uint8Array(20)
    const flipped = plan.flipBit(bytes)
    assert.isTrue(bytes.every((b) => b === 0))
    assert.strictEqual(flipped.reduce((n, b) => n + b.toString(2).replaceAll("0", "").length, 0), 1)
    assert.throws(() => new ChaosPlan({ seed: 1, drop: 1.1 }), RangeError)
    assert.throws(() => new ChaosPlan({ seed: 1, drop: 0.6, fail: 0.6 }), RangeError)
  })
})
