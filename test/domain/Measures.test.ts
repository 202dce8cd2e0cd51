import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { AlertGate, perMinuteMax } from "../../src/domain/operate/AlertGate.ts"
import { describeCause } from "../../src/domain/CauseSummary.ts"
import * as Health from "../../src/domain/Health.ts"
import { LatencyHistogram } from "../../src/domain/operate/LatencyHistogram.ts"
import * as Prometheus from "../../src/domain/operate/Prometheus.ts"
import { Rates } from "../../src/domain/flow/Rates.ts"
import { settingsWith } from "../support/Flow.ts"

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
    const hostile = new Proxy({}, {
      has: () => {
        throw new Error("no")
      }
    })
    assert.strictEqual(describeCause(hostile), "a failure that cannot be read")
  })
})
