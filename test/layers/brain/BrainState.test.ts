import { assert, describe, it } from "@effect/vitest"
import { Context, type Duration, Effect, Exit, Fiber, Layer, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Learned from "../../../src/domain/detect/Learned.ts"
import * as SavedCounters from "../../../src/domain/operate/SavedCounters.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import { stateNames } from "../../../src/layers/brain/BrainState.ts"
import * as Config from "../../../src/layers/config/PicConfig.ts"
import * as CryptoLayer from "../../../src/layers/crypto/CryptoCore.ts"
import * as KeyManagerLayer from "../../../src/layers/crypto/KeyManager.ts"
import * as Embedded from "../../../src/layers/Embedded.ts"
import * as AuditStore from "../../../src/layers/store/AuditStore.ts"
import * as StateStoreLayer from "../../../src/layers/store/StateStore.ts"
import * as TraceStore from "../../../src/layers/store/TraceStore.ts"
import { Alerts } from "../../../src/services/Alerts.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { BaselineProfiler } from "../../../src/services/BaselineProfiler.ts"
import { KeyManager } from "../../../src/services/KeyManager.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { PicMetrics } from "../../../src/services/PicMetrics.ts"
import { StateStore } from "../../../src/services/StateStore.ts"
import { TelemetryGenerator } from "../../../src/services/TelemetryGenerator.ts"
import { hostile, makeLogin, ordinary, train } from "../../support/Trained.ts"

const base = Layer.mergeAll(
  Config.layerSettings({ storage: { directory: "memory" }, rollout: { mode: "enforce" } }),
  PicClock.layer,
  CryptoLayer.layer,
  Layer.succeed(References.MinimumLogLevel, "None")
)

/** What outlives a process: its keys and its stored state. */
const machine = Effect.map(
  Layer.build(Layer.mergeAll(KeyManagerLayer.layerMemory.pipe(Layer.provide(base)), StateStoreLayer.layerMemory)),
  (services) => ({ keys: Context.get(services, KeyManager), store: Context.get(services, StateStore) })
)

/** One life of a process on it. */
const life = Effect.fnUntraced(function*({ keys, store }: Effect.Success<typeof machine>) {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(
    Embedded.layerWith({}).pipe(
      Layer.provideMerge(Layer.mergeAll(
        AuditStore.layerMemory,
        TraceStore.layerMemory,
        Layer.succeed(StateStore, store)
      )),
      Layer.provideMerge(Layer.succeed(KeyManager, keys)),
      Layer.provideMerge(Embedded.observability),
      Layer.provideMerge(base)
    ),
    scope
  )
  return { services, end: Scope.close(scope, Exit.void) }
})
const counters = (services: Context.Context<PicMetrics>) =>
  Effect.map(Context.get(services, PicMetrics).getStats, (stats) => stats.counters)
const reasons = (services: Context.Context<PicHealth>) =>
  Effect.map(Context.get(services, PicHealth).status, (status) => status.reasons.join("; "))

describe("what the brain learned and counted", () => {
  it.effect("survives a restart: the same verdicts, no training gap, totals that go on", () =>
    Effect.gen(function*() {
      const host = yield* machine
      const first = yield* life(host)
      const { login } = makeLogin()
      yield* Effect.gen(function*() {
        yield* train(login)
        yield* Effect.flip(login(...hostile))
      }).pipe(Effect.provideContext(first.services))
      const before = yield* counters(first.services)
      yield* first.end
      const second = yield* life(host)
      const restored = yield* counters(second.services)
      assert.strictEqual(restored.attacks_blocked, 1)
      assert.strictEqual(restored.decisions_allowed, before.decisions_allowed)
      assert.strictEqual((yield* Context.get(second.services, PicMetrics).getStats).eventRate, 0)
      assert.include(yield* Context.get(second.services, PicMetrics).prometheus, "pic_attacks_blocked_total 1")
      yield* Effect.gen(function*() {
        yield* login(...ordinary(3))
        yield* Effect.flip(login(...hostile))
      }).pipe(Effect.provideContext(second.services))
      assert.strictEqual((yield* counters(second.services)).attacks_blocked, 2)
      assert.strictEqual(yield* reasons(second.services), "")
    }))

  it.effect("a function that became ready is saved within a second: a kill soon after does not send it back to learning", () =>
    Effect.gen(function*() {
      const state = (services: Context.Context<BaselineProfiler>) =>
        Effect.map(Context.get(services, BaselineProfiler).profile("login"), (profile) => profile?.state)
      const killedAfter = (wait: Duration.Input) =>
        Effect.gen(function*() {
          const host = yield* machine
          const first = yield* life(host)
          yield* Effect.provideContext(train(makeLogin().login), first.services)
          yield* TestClock.adjust(wait)
          // The first life is not ended: nothing of what an orderly stop does has happened.
          return yield* state((yield* life(host)).services)
        })
      assert.strictEqual(yield* killedAfter("1 second"), "ready")
      assert.notStrictEqual(yield* killedAfter("900 millis"), "ready")
    }))

  it.effect("a replaced feature key: every function learns again, on record, with an alert", () =>
    Effect.gen(function*() {
      const { services } = yield* life(yield* machine)
      const { login } = makeLogin()
      const telemetry = Context.get(services, TelemetryGenerator)
      const profiler = Context.get(services, BaselineProfiler)
      yield* Effect.provideContext(train(login), services)
      assert.strictEqual((yield* profiler.profile("login"))?.state, "ready")
      const hash = telemetry.hashUnsafe("anna")
      const alert = yield* Effect.forkChild(
        Stream.runHead(Stream.filter(Context.get(services, Alerts).stream, ({ kind }) => kind === "degraded")),
        { startImmediately: true }
      )
      const keys = Context.get(services, KeyManager)
      yield* keys.rotateKeys
      assert.strictEqual(telemetry.hashUnsafe("anna"), hash, "a rotation leaves the feature key alone")
      assert.strictEqual((yield* profiler.profile("login"))?.state, "ready")
      yield* keys.revokeKey("features")
      assert.notStrictEqual(telemetry.hashUnsafe("anna"), hash)
      assert.include(JSON.stringify(yield* Fiber.join(alert)), "1 functions learn again")
      assert.isUndefined(yield* profiler.profile("login"))
      yield* Effect.provideContext(login(...hostile), services)
      assert.strictEqual((yield* profiler.profile("login"))?.state, "learning")
      const audit = Context.get(services, AuditLogger)
      yield* audit.flush
      const { records } = yield* audit.query({ kind: "key" })
      const bodies = records.map(({ body }): unknown => JSON.parse(new TextDecoder().decode(body)))
      assert.deepInclude(bodies, { event: "relearning", detail: "the feature key was replaced", functions: 1 })
    }))

  it.effect("baselines of a feature key that was replaced while nothing ran are refused", () =>
    Effect.gen(function*() {
      const host = yield* machine
      const first = yield* life(host)
      yield* Effect.provideContext(train(makeLogin().login), first.services)
      yield* first.end
      yield* host.keys.revokeKey("features")
      const second = yield* life(host)
      assert.deepStrictEqual(yield* Context.get(second.services, BaselineProfiler).profiles, [])
      assert.include(yield* reasons(second.services), "learned under a feature key that has been replaced")
    }))

  it.effect("counters of another format are refused: counting begins at zero, visibly", () =>
    Effect.gen(function*() {
      const host = yield* machine
      yield* host.store.save(stateNames.counters, new TextEncoder().encode("{\"v\":1,\"totals\":{\"errors\":-1}}"))
      const { services } = yield* life(host)
      assert.strictEqual((yield* counters(services)).errors, 0)
      assert.include(yield* reasons(services), "counting begins at zero")
    }))

  it("stored forms are read back, and nothing else", () => {
    const learned = Uint8Array.of(1, 2, 3)
    assert.deepStrictEqual(Learned.decode(Learned.encode(7, learned)), { mark: 7, learned })
    assert.isUndefined(Learned.decode(learned))
    assert.isUndefined(Learned.decode(new Uint8Array(16)))
    assert.notStrictEqual(Learned.markOf([1, 2]), Learned.markOf([1, 3]))
    const totals = SavedCounters.decode(SavedCounters.encode({ errors: 3 }))
    assert.deepStrictEqual(totals._tag === "Success" ? totals.success : undefined, { errors: 3 })
    assert.strictEqual(SavedCounters.decode(learned)._tag, "Failure")
  })
})
