import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { CircuitBreaker, openMsMax, openMsMin, outcomesMin, refused } from "../../../src/domain/flow/CircuitBreaker.ts"

interface Breaker {
  readonly state: (now: number) => string
  readonly acquire: (now: number) => number
  readonly success: (permit: number) => boolean
  readonly failure: (permit: number, now: number) => boolean
  readonly abandon: (permit: number) => void
}

/** The planted bug: results count whatever state they were asked in. */
class Unfenced extends CircuitBreaker {
  #latest = 0

  override acquire(now: number): number {
    const permit = super.acquire(now)
    if (permit !== refused) this.#latest = permit
    return permit
  }

  override success(): boolean {
    return super.success(this.#latest)
  }
}

/** The planted bug: whoever asks at half-open is let through. */
class Stampede extends CircuitBreaker {
  override acquire(now: number): number {
    const permit = super.acquire(now)
    if (permit === refused && this.state(now) === "half-open") {
      this.abandon(this.#probe)
      return super.acquire(now)
    }
    this.#probe = permit
    return permit
  }

  #probe = 0
}

type Step = { readonly kind: "start" | "ok" | "fail" | "give up"; readonly pick: number; readonly wait: number }
const step = (wait: fc.Arbitrary<number>) =>
  fc.record({ kind: fc.constantFrom<Step["kind"]>("start", "start", "ok", "fail", "give up"), pick: fc.nat(), wait })
const start: Step = { kind: "start", pick: 0, wait: 0 }
/** `hanging` calls stay out while later ones fail until the breaker opens. */
const outage = (hanging: number): ReadonlyArray<Step> => [
  ...Array.from({ length: hanging }, () => start),
  ...Array.from({ length: outcomesMin }, (): ReadonlyArray<Step> => [start, { kind: "fail", pick: hanging, wait: 0 }])
    .flat()
]
/** An outage with old calls still out, then anything: most schedules reach half-open in the interesting state. */
const steps = fc.tuple(
  fc.integer({ min: 0, max: 3 }),
  fc.array(step(fc.constantFrom(0, 1, 50, openMsMin, openMsMin, openMsMax)), { minLength: 5, maxLength: 100 })
).map(([hanging, rest]) => outage(hanging).concat(rest))

/** At half-open one attempt is out at most, and only a result of the present state changes the state. */
const fenced = (make: () => Breaker, script: ReadonlyArray<Step>): boolean => {
  const breaker = make()
  const out: Array<{ readonly permit: number; readonly epoch: number }> = []
  let now = 0
  let epoch = 0
  let state = breaker.state(now)
  const observe = () => {
    const after = breaker.state(now)
    if (after !== state) epoch++
    state = after
  }
  for (const { kind, pick, wait } of script) {
    now += wait
    observe()
    if (kind === "start") {
      const permit = breaker.acquire(now)
      observe()
      if (permit === refused) continue
      out.push({ permit, epoch })
      if (state === "half-open" && out.filter((o) => o.epoch === epoch).length > 1) return false
      continue
    }
    const [attempt] = out.length === 0 ? [] : out.splice(pick % out.length, 1)
    if (attempt === undefined) continue
    const before = state
    if (kind === "ok") breaker.success(attempt.permit)
    else if (kind === "fail") breaker.failure(attempt.permit, now)
    else breaker.abandon(attempt.permit)
    const stale = attempt.epoch !== epoch
    observe()
    if (stale && state !== before) return false
  }
  return true
}

const opened = (breaker: CircuitBreaker, now: number): void => {
  for (let i = 0; i < outcomesMin; i++) breaker.failure(breaker.acquire(now), now)
}

describe("CircuitBreaker", () => {
  it("fences results by generation and probes once", () => {
    fc.assert(fc.property(steps, (script) => fenced(() => new CircuitBreaker(), script)), { numRuns: 500 })
  })

  for (const [name, planted] of [["unfenced", Unfenced], ["stampeding", Stampede]] as const) {
    it(`control: an ${name} breaker is found, from any seed`, () => {
      for (let seed = 0; seed < 20; seed++) {
        const found = fc.check(fc.property(steps, (script) => fenced(() => new planted(), script)), {
          numRuns: 500,
          seed
        })
        assert.isTrue(found.failed, `seed ${seed}`)
      }
    })
  }

  it("opens at half of the last outcomes, not for single failures", () => {
    const breaker = new CircuitBreaker()
    for (let i = 0; i < 200; i++) {
      const permit = breaker.acquire(0)
      if (i % 3 === 0) assert.isFalse(breaker.failure(permit, 0), `failure ${i}`)
      else breaker.success(permit)
    }
    let failures = 0
    while (!breaker.failure(breaker.acquire(0), 0)) failures++
    assert.isBelow(failures, 10)
    assert.strictEqual(breaker.acquire(0), refused)
  })

  it("stays open twice as long after each failed probe, up to a maximum, and starts over once closed", () => {
    const breaker = new CircuitBreaker()
    let now = 0
    opened(breaker, now)
    let expected = openMsMin
    for (let i = 0; i < 10; i++) {
      assert.strictEqual(breaker.openUntil - now, expected)
      assert.strictEqual(breaker.acquire(breaker.openUntil - 1), refused)
      now = breaker.openUntil
      assert.isTrue(breaker.failure(breaker.acquire(now), now))
      expected = Math.min(openMsMax, expected * 2)
    }
    now = breaker.openUntil
    assert.isTrue(breaker.success(breaker.acquire(now)))
    assert.strictEqual(breaker.state(now), "closed")
    opened(breaker, now)
    assert.strictEqual(breaker.openUntil - now, openMsMin)
  })

  it("a probe that was given up lets the next caller probe", () => {
    const breaker = new CircuitBreaker()
    opened(breaker, 0)
    const probe = breaker.acquire(openMsMin)
    assert.strictEqual(breaker.acquire(openMsMin), refused)
    breaker.abandon(probe)
    assert.notStrictEqual(breaker.acquire(openMsMin), refused)
  })
})
