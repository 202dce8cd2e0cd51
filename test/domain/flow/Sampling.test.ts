import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { ChaosPlan } from "../../../src/domain/ChaosPlan.ts"
import { OwnUsage } from "../../../src/domain/flow/OwnUsage.ts"
import {
  factorMin,
  latencySamplesMin,
  reducedMs,
  type Resources,
  SamplingRate
} from "../../../src/domain/flow/SamplingRate.ts"
import { Xoshiro128 } from "../../../src/domain/Xoshiro128.ts"

const makeSeed = (seed: number, length: number): Uint8Array =>
  new Uint8Array(createHash("sha256").update(String(seed)).digest()).slice(0, length)

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

describe("SamplingRate", () => {
  const idle: Resources = { memoryMb: 1, memoryMbMax: 100, cpuShare: 0, cpuShareWarn: 0.05, cpuCap: "off" }

  it("lowers for persistent latency only, and restores", () => {
    const rate = new SamplingRate()
    for (let i = 0; i < latencySamplesMin - 1; i++) rate.latency(40, 10)
    assert.strictEqual(rate.factor, 1)
    rate.latency(40, 10)
    assert.closeTo(rate.factor, 0.25, 1e-9)
    for (let i = 0; i < 40; i++) rate.latency(1, 10)
    assert.strictEqual(rate.factor, 1)
  })

  it("forgets a latency that no call confirms", () => {
    const rate = new SamplingRate()
    for (let i = 0; i < 50; i++) rate.latency(1000, 10)
    assert.strictEqual(rate.factor, factorMin)
    rate.tick(4_000, idle)
    assert.strictEqual(rate.factor, factorMin)
    rate.tick(10_000, idle)
    assert.strictEqual(rate.factor, 1)
  })

  it("cuts on request and restores by time", () => {
    const rate = new SamplingRate()
    rate.reduce("why", 0)
    assert.strictEqual(rate.factor, 0.5)
    assert.deepStrictEqual(rate.reasons, ["why"])
    rate.tick(reducedMs + 1, idle)
    assert.strictEqual(rate.factor, 1)
    assert.deepStrictEqual(rate.reasons, [])
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
