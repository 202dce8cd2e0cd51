import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { namesMax, type RateLimits, RateTable, sharedBuckets, shareDepthMs } from "../../src/domain/flow/RateTable.ts"

/** Anything that admits calls by name and time. */
interface Limiter {
  readonly check: (name: string, now: number) => boolean
}

interface Call {
  readonly name: string
  readonly at: number
}

const limitsOf = (global: number, own: number, burst: number | "limit"): RateLimits => ({
  globalPerSecond: global,
  perFunctionPerSecond: own,
  burst,
  windowMs: 1000,
  throttleThreshold: 0.8
})

const hash = (name: string): number => [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619), 2166136261)
const make = (limits: RateLimits): RateTable => new RateTable(limits, { hash, onOffender: () => undefined })

/** Finds a window in which more was admitted than `perSecond * W + burst`; times ascend. */
const exceeds = (times: ReadonlyArray<number>, perSecond: number, burst: number): boolean => {
  // The excess over the line is largest between two admissions: keep the lowest `i - rate * t` seen so far.
  let lowest = Infinity
  return times.some((t, i) => {
    lowest = Math.min(lowest, i - perSecond * t / 1000)
    return i + 1 - perSecond * t / 1000 - lowest > burst + 1e-3
  })
}

const run = (limiter: Limiter, calls: ReadonlyArray<Call>): Map<string, Array<number>> => {
  const admitted = new Map<string, Array<number>>()
  for (const { at, name } of calls) {
    if (!limiter.check(name, at)) continue
    const times = admitted.get(name)
    if (times === undefined) admitted.set(name, [at])
    else times.push(at)
  }
  return admitted
}

/** P4, first half: no function ever gets more than its limit. */
const bounded = (limits: RateLimits, limiter: Limiter, calls: ReadonlyArray<Call>): boolean => {
  const burst = limits.burst === "limit" ? limits.perFunctionPerSecond : limits.burst
  return [...run(limiter, calls).values()].every((times) => !exceeds(times, limits.perFunctionPerSecond, burst))
}

/** All calls together stay within the global limit, its burst, and the credit that fairness may take. */
const globallyBounded = (limits: RateLimits, limiter: Limiter, calls: ReadonlyArray<Call>): boolean => {
  const burst = limits.burst === "limit" ? limits.globalPerSecond : limits.burst
  const all = [...run(limiter, calls).values()].flat().toSorted((a, b) => a - b)
  return !exceeds(all, limits.globalPerSecond, 2 * burst)
}

const names = ["f", "g", "h", "i"]
const scheduleArbitrary = fc.array(
  fc.record({
    name: fc.constantFrom(...names),
    gap: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 30, noNaN: true }), fc.constant(1000)),
    repeat: fc.integer({ min: 1, max: 60 })
  }),
  { minLength: 1, maxLength: 80 }
).map((steps) => {
  const calls: Array<Call> = []
  let at = 0
  for (const { gap, name, repeat } of steps) {
    at += gap
    for (let i = 0; i < repeat; i++) calls.push({ name, at })
  }
  return calls
})
const limitsArbitrary = fc.record({
  global: fc.integer({ min: 5, max: 400 }),
  own: fc.integer({ min: 2, max: 200 }),
  burst: fc.oneof(fc.constant("limit" as const), fc.integer({ min: 1, max: 50 }))
}).map(({ burst, global, own }) => limitsOf(global, own, burst))

/** Floods of several functions beside one that calls at a share of its fair share; times in ms. */
const floodArbitrary = fc.record({
  flooders: fc.integer({ min: 1, max: 6 }),
  limits: fc.record({ global: fc.integer({ min: 20, max: 500 }), own: fc.integer({ min: 50, max: 800 }) }),
  load: fc.double({ min: 0.1, max: 0.95, noNaN: true }),
  startMs: fc.integer({ min: 0, max: 3000 })
})
type Flood = typeof floodArbitrary extends fc.Arbitrary<infer A> ? A : never

/** How many calls of the quiet function are refused while it is below its own limit and its fair share. */
const refusedQuiet = (make: (limits: RateLimits) => Limiter, { flooders, limits, load, startMs }: Flood): number => {
  const limiter = make(limitsOf(limits.global, limits.own, "limit"))
  const share = Math.min(limits.global / (flooders + 1), limits.own)
  const gap = 1000 / (share * load)
  let next = startMs
  let refused = 0
  for (let at = 0; at < 6000; at++) {
    for (let f = 0; f < flooders; f++) for (let n = 0; n < 3; n++) limiter.check(`flood${f}`, at)
    if (at < next) continue
    if (!limiter.check("quiet", at)) refused++
    next += gap
  }
  return refused
}

/** The planted bug: spends the global token before it looks at the function's own limit. */
const globalFirst = (limits: RateLimits): Limiter => {
  const tats = new Map<string, number>()
  const take = (key: string, perSecond: number, now: number): boolean => {
    const tat = Math.max(tats.get(key) ?? 0, now)
    if (tat - now > (perSecond - 1) * 1000 / perSecond) return false
    tats.set(key, tat + 1000 / perSecond)
    return true
  }
  return {
    check: (name, now) => take("*", limits.globalPerSecond, now) && take(`f:${name}`, limits.perFunctionPerSecond, now)
  }
}

/** The planted bug: counters that start anew with each window, as in the specification's sketch. */
const fixedWindow = (limits: RateLimits): Limiter => {
  let window = -1
  let counts = new Map<string, number>()
  return {
    check: (name, now) => {
      if (Math.floor(now / 1000) !== window) {
        window = Math.floor(now / 1000)
        counts = new Map()
      }
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      return count <= limits.perFunctionPerSecond
    }
  }
}

describe("P4 rate limit", () => {
  it("admits at most limit * W + burst per function, in any window", () => {
    fc.assert(
      fc.property(limitsArbitrary, scheduleArbitrary, (limits, calls) => bounded(limits, make(limits), calls)),
      {
        numRuns: 300
      }
    )
  })

  it("keeps all functions together within the global limit, its burst and the credit of fairness", () => {
    fc.assert(
      fc.property(limitsArbitrary, scheduleArbitrary, (limits, calls) => globallyBounded(limits, make(limits), calls)),
      { numRuns: 300 }
    )
  })

  it("stays bounded however names come and go", () => {
    const limits = limitsOf(100, 100, "limit")
    const calls = Array.from({ length: 20_000 }, (_, i) => ({ name: `name${i % 7919}`, at: Math.floor(i / 4) }))
    assert.isTrue(globallyBounded(limits, make(limits), calls))
  })

  it("never refuses a function below its own limit and its fair share because of others", () => {
    fc.assert(fc.property(floodArbitrary, (flood) => refusedQuiet(make, flood) === 0), { numRuns: 60 })
  })

  it("control: a window that starts anew breaks the bound", () => {
    const limits = limitsOf(1000, 10, "limit")
    const calls = [
      ...Array.from({ length: 10 }, () => ({ name: "f", at: 999 })),
      ...Array.from({ length: 11 }, () => ({ name: "f", at: 1000 }))
    ]
    assert.isFalse(bounded(limits, fixedWindow(limits), calls))
    assert.isTrue(bounded(limits, make(limits), calls))
  })

  it("control: a limiter that spends the global token first starves others", () => {
    const found = fc.check(fc.property(floodArbitrary, (flood) => refusedQuiet(globalFirst, flood) === 0), {
      numRuns: 60
    })
    assert.isTrue(found.failed)
  })

  it("a refusal takes no token, neither the function's nor the global one", () => {
    const limits = limitsOf(20, 10, "limit")
    const table = make(limits)
    for (let i = 0; i < 10; i++) assert.isTrue(table.check("f", 0))
    for (let i = 0; i < 1000; i++) assert.isFalse(table.check("f", 0))
    for (let i = 0; i < 10; i++) assert.isTrue(table.check("g", 0), `g ${i}`)
    assert.isTrue(table.check("f", 100))
    assert.isFalse(table.check("f", 100))
  })

  it("the first name beyond the table, and the 6,001st, share buckets and stay limited", () => {
    const limits = limitsOf(1e9, 5, "limit")
    const table = make(limits)
    for (let i = 0; i < namesMax; i++) assert.isTrue(table.check(`n${i}`, 0))
    let admitted = 0
    for (let i = 0; i < 6001; i++) if (table.check(`more${i}`, 0)) admitted++
    assert.isAtMost(admitted, sharedBuckets * 5)
    assert.isAbove(admitted, sharedBuckets)
    assert.strictEqual(table.status(0).names, namesMax)
    for (let i = 0; i < 6; i++) table.check("more6000", 0)
    assert.isFalse(table.check("more6000", 0))
  })

  it("names that are as good as new make room for others", () => {
    const table = make(limitsOf(1e9, 5, "limit"))
    for (let i = 0; i < namesMax; i++) table.check(`n${i}`, 0)
    for (let at = 1000; at <= 5000; at += 1000) table.check("n0", at)
    for (let i = 0; i < 6; i++) table.check("late", 6000)
    assert.deepStrictEqual(table.status(6000).throttledFunctions, ["late"])
  })

  it("a rate cut takes effect at once: stored credit is clamped, and no wait is longer than an interval", () => {
    fc.assert(fc.property(
      fc.record({
        before: fc.integer({ min: 10, max: 1000 }),
        after: fc.integer({ min: 1, max: 9 }),
        used: fc.integer({ min: 0, max: 1200 }),
        burst: fc.constantFrom<number | "limit">("limit", 5000)
      }),
      ({ after, before, burst, used }) => {
        const table = make(limitsOf(100_000, before, burst))
        for (let i = 0; i < used; i++) table.check("f", 0)
        table.change(limitsOf(100_000, after, burst), 0)
        let admitted = 0
        while (table.check("f", 0)) admitted++
        const depthBefore = burst === "limit" ? before : burst
        const depthAfter = burst === "limit" ? after : burst
        return admitted <= Math.min(depthAfter, Math.max(0, depthBefore - used)) + 1e-9 &&
          table.check("f", 1000 / after + 1)
      }
    ))
  })

  it("reports persistent offenders once per ten windows over the limit, and not for a single burst", () => {
    const offenders: Array<string> = []
    const table = new RateTable(limitsOf(1e6, 2, "limit"), { hash, onOffender: (name) => offenders.push(name) })
    for (let i = 0; i < 100; i++) table.check("once", 0)
    for (let at = 0; at < 11_000; at += 50) table.check("always", at)
    assert.deepStrictEqual(offenders, ["always"])
    assert.strictEqual(shareDepthMs, 100)
  })

  it("lowers sampling in proportion to the load above the threshold, and restores it", () => {
    const table = make(limitsOf(100, 1000, "limit"))
    for (let at = 0; at < 3000; at += 5) table.check("f", at)
    assert.isTrue(table.throttling(2999))
    assert.closeTo(table.load(2999), 2, 0.05)
    assert.closeTo(table.adjusted(1, 2999), 0.4, 0.02)
    assert.strictEqual(table.adjusted(1, 6000), 1)
    assert.isFalse(table.throttling(6000))
  })

  it("throttles on request until one whole window was calm", () => {
    const table = make(limitsOf(100, 1000, "limit"))
    table.check("f", 0)
    table.force(10)
    assert.strictEqual(table.adjusted(1, 11), 0.5)
    assert.strictEqual(table.adjusted(1, 1011), 1)
  })
})
