import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { AuditStore } from "../../src/services/AuditStore.ts"
import { bodyOf, type Fault, loggerWith, makeSwitch } from "../layers/brain/AuditSetup.ts"

type Step = { readonly record: number } | { readonly fault: Fault } | { readonly pass: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ record: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ fault: fc.constantFrom<Fault>("none", "none", "refused", "written", "hangs") }) },
  { weight: 3, arbitrary: fc.record({ pass: fc.integer({ min: 1, max: 3_000 }) }) }
)

/** Runs a schedule, heals the store at its end, and returns what is wrong with the evidence. */
const violations = (steps: ReadonlyArray<Step>, plant: (fault: Fault) => Fault) =>
  Effect.gen(function*() {
    const control = makeSwitch()
    return yield* Effect.gen(function*() {
      const log = yield* AuditLogger
      const acknowledged = new Set<number>()
      let issued = 0
      const issue = Effect.suspend(() => {
        const id = issued++
        return Effect.map(Effect.exit(log.record("block", { id })), (exit) => {
          if (Exit.isSuccess(exit)) acknowledged.add(id)
        })
      })
      for (const one of steps) {
        if ("fault" in one) control.fault = plant(one.fault)
        else if ("pass" in one) yield* TestClock.adjust(one.pass)
        else for (let n = 0; n < one.record; n++) yield* Effect.forkChild(issue, { startImmediately: true })
        yield* TestClock.adjust(1)
      }
      control.fault = "none"
      yield* TestClock.adjust("30 seconds")
      yield* log.flush
      const found: Array<string> = []
      const store = yield* AuditStore
      const blocks = (yield* store.read(1, 4_000)).filter(({ kind }) => kind === "block").map(bodyOf)
      for (let id = 0; id < issued; id++) {
        const mine = blocks.filter((body) => body["id"] === id)
        const first = mine.filter((body) => body["spooled"] !== true).length
        if (mine.length === 0) found.push(`record ${id} disappeared`)
        if (acknowledged.has(id) && (first !== 1 || mine.length !== 1)) {
          found.push(`record ${id}: ${first} of ${mine.length}`)
        }
        if (first > 1) found.push(`record ${id} was written ${first} times unmarked`)
      }
      const report = yield* log.verify
      if (!report.ok) found.push(report.detail)
      return found
    }).pipe(Effect.provide(loggerWith(control), { local: true }))
  })

type Plant = (fault: Fault) => Fault
const honest: Plant = (fault) => fault

/** The classic lost write: where an honest store would refuse, it acknowledges and forgets. */
const forgetful: Plant = (fault) => fault === "refused" ? "forgets" : fault

const runAll = (runs: number, plant: Plant) =>
  Effect.gen(function*() {
    const schedules = fc.sample(fc.array(step, { minLength: 5, maxLength: 25 }), { numRuns: runs, seed: 11 })
    let broken = 0
    for (const [n, schedule] of schedules.entries()) {
      const found = yield* violations(schedule, plant)
      if (found.length > 0) {
        broken++
        if (plant === honest) assert.fail(`schedule ${n} ${JSON.stringify(schedule)}: ${found.join("; ")}`)
      }
    }
    return broken
  })

describe("P7 audit: completeness", () => {
  it.effect("every acknowledged record is there exactly once, every other one is there and marked, whatever the store does", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* runAll(300, honest), 0)
    }))

  it.effect("control: notices a store that forgets what it acknowledged", () =>
    Effect.gen(function*() {
      assert.isAbove(yield* runAll(40, forgetful), 5)
    }))
})
