import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import { parts } from "../../src/layers/Embedded.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { AuditStore, AuditStoreError } from "../../src/services/AuditStore.ts"
import { BrainCore } from "../../src/services/BrainCore.ts"
import { PicHealth } from "../../src/services/PicHealth.ts"
import { SecureTransport } from "../../src/services/SecureTransport.ts"
import { makeEvent } from "../support/Flow.ts"
import { makeDisk } from "./Store.ts"
import { hostile, makeWitness } from "./Witness.ts"

/** What schedules have found, each on its own. */
describe("found by simulation", () => {
  it.effect("a retry waits for the evidence of its block, though the first request was given up", () => {
    const disk = makeDisk()
    const { overrides } = makeWitness(disk)
    return Effect.gen(function*() {
      const brain = yield* BrainCore
      const transport = yield* SecureTransport
      const event = makeEvent("e1", hostile)
      const ask = Effect.suspend(() => {
        const reply = brain.receiveUnsafe(transport.signEventUnsafe(event).frame)
        return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
      })
      yield* TestClock.adjust(10)
      disk.set("slow", 30)
      const first = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(first)
      const second = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust(10)
      assert.isUndefined(second.pollUnsafe(), "answered before the evidence is durable")
      assert.strictEqual(disk.durable.size, 0)
      yield* TestClock.adjust(10)
      disk.set("well", 0)
      assert.isDefined(second.pollUnsafe())
      assert.deepStrictEqual([...disk.durable.values()], [1])
    }).pipe(Effect.provide(PicTest.layerWith({
      overrides: { ...overrides, AuditLogger: parts.AuditLogger.pipe(Layer.provide(disk.layer)) }
    })))
  })

  it.effect("evidence flows again after a store that failed and then stalled while the spool was written back", () => {
    let appends = 0
    const store = Layer.effect(
      AuditStore,
      Effect.map(AuditStore, (inner) =>
        AuditStore.of({
          ...inner,
          append: (entries) =>
            Effect.suspend(() => {
              if (!entries.some(({ kind }) => kind === "operator") && appends === 0) return inner.append(entries)
              appends++
              if (appends === 1) return Effect.fail(new AuditStoreError({ detail: "disk full", poisoned: false }))
              // The note of the outage is taken at once, what was spooled after the logger has lost patience.
              return appends === 3 ? Effect.delay(inner.append(entries), 3_000) : inner.append(entries)
            })
        }))
    )
    return Effect.gen(function*() {
      const audit = yield* AuditLogger
      const record = Effect.forkChild(Effect.result(audit.record("operator", { action: "test" })), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      const first = yield* record
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(first))._tag, "Failure")
      assert.isAtLeast(appends, 3)
      const second = yield* record
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(second))._tag, "Success")
      const { records } = yield* audit.query({ kind: "operator" })
      assert.strictEqual(records.length, 2)
      assert.strictEqual((yield* (yield* PicHealth).status).state, "enforcing")
    }).pipe(Effect.provide(PicTest.layerWith({
      overrides: { AuditLogger: parts.AuditLogger.pipe(Layer.provide(store)) }
    })))
  })
})
