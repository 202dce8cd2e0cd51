import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import * as PicClock from "../../src/layers/agent/PicClock.ts"
import * as Config from "../../src/layers/config/PicConfig.ts"
import * as CryptoLayer from "../../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../src/layers/crypto/KeyManager.ts"
import * as Embedded from "../../src/layers/Embedded.ts"
import * as AuditStoreLayer from "../../src/layers/store/AuditStore.ts"
import * as StateStore from "../../src/layers/store/StateStore.ts"
import * as TraceStore from "../../src/layers/store/TraceStore.ts"
import { canaryArguments, canaryEvent } from "../../src/runtime/doctor/Probe.ts"
import { Alerts } from "../../src/services/Alerts.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { AuditStore, AuditStoreError } from "../../src/services/AuditStore.ts"
import { BackpressureController } from "../../src/services/BackpressureController.ts"
import { BrainCore } from "../../src/services/BrainCore.ts"
import { BrainLink } from "../../src/services/BrainLink.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"
import { EventQueue } from "../../src/services/EventQueue.ts"
import { PicConfig } from "../../src/services/PicConfig.ts"
import { type Counter, PicMetrics } from "../../src/services/PicMetrics.ts"
import { SecureTransport } from "../../src/services/SecureTransport.ts"
import { hostile, makeLogin, ordinary, train } from "../support/Trained.ts"

/** How far counters move while something happens, to the end of what it caused. */
const moved = <A, E, R>(run: Effect.Effect<A, E, R>, ...names: ReadonlyArray<Counter>) =>
  Effect.gen(function*() {
    const metrics = yield* PicMetrics
    const agent = yield* CellAgent
    const settled = Effect.andThen(agent.flush, Effect.ignore((yield* AuditLogger).flush))
    yield* settled
    const before = (yield* metrics.getStats).counters
    yield* run
    yield* settled
    const after = (yield* metrics.getStats).counters
    return names.map((name) => after[name] - before[name])
  })

describe("each counter moves where its event happens, once", () => {
  it.effect("blocks, would-blocks, limits and calls", () =>
    Effect.gen(function*() {
      const { login } = makeLogin()
      yield* train(login)
      // Training was faster than the limit of a function.
      yield* TestClock.adjust("10 seconds")
      const config = yield* PicConfig
      const names = ["events_sent", "decisions_allowed", "decisions_blocked", "attacks_blocked", "would_block"] as const
      assert.deepStrictEqual(yield* moved(login(...ordinary(1)), ...names), [1, 1, 0, 0, 0])
      assert.deepStrictEqual(yield* moved(Effect.flip(login(...hostile)), ...names), [1, 0, 1, 1, 0])
      yield* config.change({ rollout: { mode: "observe" } })
      assert.deepStrictEqual(yield* moved(login(...hostile), ...names), [1, 1, 0, 0, 1])
      yield* config.change({ rollout: { mode: "enforce" }, per_function_limit: 1 })
      yield* Effect.ignore(login(...ordinary(1)))
      assert.deepStrictEqual(yield* moved(login(...ordinary(2)), "throttling_events", "events_sent"), [1, 0])
      assert.deepStrictEqual(
        yield* moved(Effect.flip(login(...hostile)), "throttling_events", "decisions_blocked", "attacks_blocked"),
        [1, 1, 1]
      )
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("a block that is no attack is not counted as one", () =>
    Effect.gen(function*() {
      const { login } = makeLogin()
      const config = yield* PicConfig
      yield* config.change({ fail_mode: "closed" })
      yield* (yield* BrainCore).stop
      assert.deepStrictEqual(
        yield* moved(Effect.flip(login(...ordinary(1))), "errors", "decisions_blocked", "attacks_blocked"),
        [1, 1, 0]
      )
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("forged and replayed messages", () =>
    Effect.gen(function*() {
      const transport = yield* SecureTransport
      const link = yield* BrainLink
      const names = ["security_violations", "attacks_forged", "attacks_replayed", "alerts", "audit_records"] as const
      const { frame } = transport.signEventUnsafe(yield* canaryEvent(canaryArguments(1)))
      const forged = Uint8Array.from(frame)
      forged[forged.length - 1]! ^= 1
      assert.deepStrictEqual(yield* moved(Effect.flip(link.send(forged)), ...names), [1, 1, 0, 1, 1])
      yield* link.send(frame)
      assert.deepStrictEqual(yield* moved(Effect.flip(link.send(frame)), ...names), [1, 0, 1, 1, 1])
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("backpressure, alerts and evidence", () =>
    Effect.gen(function*() {
      const queue = yield* EventQueue
      const controller = yield* BackpressureController
      const event = yield* canaryEvent(canaryArguments(1))
      const fill = Effect.gen(function*() {
        for (let i = 0; i < 100; i++) queue.enqueueUnsafe({ event, bytes: 1, priority: "low", dropped: () => {} })
        controller.checkAndSignalUnsafe()
        yield* controller.checkAndSignal
        while (queue.dequeueUnsafe() !== undefined);
      })
      assert.deepStrictEqual(yield* moved(fill, "backpressure_activations"), [1])
      assert.deepStrictEqual(
        yield* moved(Alerts.use((a) => Effect.sync(() => a.raiseUnsafe("review", "x"))), "alerts"),
        [1]
      )
      const audit = yield* AuditLogger
      const three = Effect.gen(function*() {
        audit.recordUnsafe("operator", { n: 1 })
        yield* audit.record("operator", { n: 2 })
        audit.recordUnsafe("operator", { n: 3 })
      })
      assert.deepStrictEqual(yield* moved(three, "audit_records", "audit_failures"), [3, 0])
    }).pipe(Effect.provide(PicTest.layerWith({ settings: { brain: { queue_size: 100 } } }))))

  it.live("evidence that cannot be written is counted once a record", () => {
    const down = { broken: false }
    const store = Layer.effect(
      AuditStore,
      Effect.map(AuditStore, (inner) =>
        AuditStore.of({
          ...inner,
          append: (entries) =>
            Effect.suspend(() =>
              down.broken
                ? Effect.fail(new AuditStoreError({ detail: "disk full", poisoned: false }))
                : inner.append(entries)
            )
        }))
    ).pipe(Layer.provide(AuditStoreLayer.layerMemory))
    const system = Embedded.layerWith({}).pipe(
      Layer.provideMerge(Layer.mergeAll(store, StateStore.layerMemory, TraceStore.layerMemory)),
      Layer.provideMerge(KeyManager.layerMemory),
      Layer.provideMerge(Embedded.observability),
      Layer.provideMerge(Layer.mergeAll(
        Config.layerSettings({ storage: { directory: "memory" }, audit: { wait_ms: 5_000 } }),
        PicClock.layer,
        CryptoLayer.layer
      ))
    )
    return Effect.gen(function*() {
      const audit = yield* AuditLogger
      yield* audit.flush
      const metrics = yield* PicMetrics
      down.broken = true
      // The failure itself becomes a record (health changed), which cannot be written either.
      yield* Effect.flip(audit.record("operator", { n: 1 }))
      yield* Effect.sleep(20)
      const before = (yield* metrics.getStats).counters.audit_failures
      yield* Effect.flip(audit.record("operator", { n: 2 }))
      audit.recordUnsafe("operator", { n: 3 })
      assert.strictEqual((yield* metrics.getStats).counters.audit_failures - before, 2)
      yield* Effect.sleep(150)
      assert.strictEqual((yield* metrics.getStats).counters.audit_failures - before, 2, "retries are no new failures")
    }).pipe(Effect.provide(system))
  })
})
