import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { nonceLength, NonceSequence } from "../../../src/domain/wire/Nonce.ts"
import * as ReplayGuardLayer from "../../../src/layers/brain/ReplayGuard.ts"
import { ReplayGuard } from "../../../src/services/ReplayGuard.ts"
import { type StateEntry, StateStore, StateStoreError } from "../../../src/services/StateStore.ts"
import { suite } from "../../contract/ReplayGuard.ts"
import { makeRandom } from "../../support/Seeded.ts"
import { epochMs, makeBase, makeReports } from "../../support/Signing.ts"

/** A store that outlives the layers of a test, and can fail or lose its mind. */
const makeStore = () => {
  const values = new Map<string, Uint8Array>()
  const state = { fails: false, entry: undefined as StateEntry | undefined, values }
  const failure = new StateStoreError({ detail: "the disk is full" })
  const layer = Layer.succeed(StateStore, {
    save: (name, bytes) =>
      Effect.suspend(() =>
        state.fails ? Effect.fail(failure) : Effect.sync(() => void values.set(name, bytes.slice()))
      ),
    load: (name) =>
      Effect.suspend(() => {
        if (state.fails) return Effect.fail(failure)
        const bytes = values.get(name)
        return Effect.succeed(state.entry ?? (bytes === undefined ? { _tag: "Absent" } : { _tag: "Found", bytes }))
      })
  })
  return { state, layer }
}

const makeDurable = () => {
  const base = makeBase()
  const store = makeStore()
  const { layer: reporting, reports } = makeReports()
  let now = epochMs
  const advance = (ms: number) => base.clock.set(now += ms)
  const open = () =>
    Layer.fresh(ReplayGuardLayer.layerDurable).pipe(Layer.provide(Layer.mergeAll(base.layer, store.layer, reporting)))
  return { open, advance, now: () => now, store: store.state, reports }
}

const makeSender = (name = "a") => {
  const random = makeRandom(3)
  const nonces = new NonceSequence((length) => random.bytes(length))
  return (timestamp: number) => {
    const nonce = new Uint8Array(nonceLength)
    nonces.next(nonce, 0)
    return [name, nonce, timestamp] as const
  }
}

suite("memory", () => {
  const base = makeBase()
  let now = epochMs
  return {
    layer: ReplayGuardLayer.layerMemory.pipe(Layer.provide(base.layer)),
    now: () => now,
    advance: (ms) => Effect.sync(() => base.clock.set(now += ms))
  }
})

suite("durable", () => {
  const durable = makeDurable()
  return {
    layer: durable.open(),
    now: durable.now,
    advance: (ms) => Effect.andThen(Effect.sync(() => durable.advance(ms)), TestClock.adjust("1 second"))
  }
})

/** The durable guard refuses what is dated above its ceiling; its clock moves a second at a time, as in life. */
describe("ReplayGuard.layerDurable", () => {
  const tick = (durable: ReturnType<typeof makeDurable>, seconds: number) =>
    Effect.gen(function*() {
      for (let i = 0; i < seconds; i++) {
        durable.advance(1_000)
        yield* TestClock.adjust("1 second")
      }
    })

  it.effect("accepts once, and its ceiling keeps ahead of the time", () =>
    Effect.gen(function*() {
      const durable = makeDurable()
      const sign = makeSender()
      yield* Effect.gen(function*() {
        const guard = yield* ReplayGuard
        for (let i = 0; i < 30; i++) {
          yield* tick(durable, 1)
          const message = sign(durable.now())
          assert.strictEqual(guard.acceptUnsafe(...message), "accepted")
          assert.strictEqual(guard.acceptUnsafe(...message), "replayed")
        }
      }).pipe(Effect.provide(durable.open()))
    }))

  it.effect("after a crash refuses everything that may have been accepted, and soon accepts again", () =>
    Effect.gen(function*() {
      const durable = makeDurable()
      const sign = makeSender()
      const accepted = yield* Effect.gen(function*() {
        const guard = yield* ReplayGuard
        yield* tick(durable, 3)
        const messages = [sign(durable.now() - 200), sign(durable.now()), sign(durable.now() + 2_000)]
        for (const message of messages) assert.strictEqual(guard.acceptUnsafe(...message), "accepted")
        durable.store.fails = true // the clean stop cannot be written: as if killed
        return messages
      }).pipe(Effect.provide(durable.open()))
      durable.store.fails = false
      yield* Effect.gen(function*() {
        const guard = yield* ReplayGuard
        for (const message of accepted) assert.strictEqual(guard.acceptUnsafe(...message), "stale")
        yield* tick(durable, 8)
        for (const message of accepted) assert.strictEqual(guard.acceptUnsafe(...message), "stale")
        assert.strictEqual(guard.acceptUnsafe(...sign(durable.now())), "accepted")
      }).pipe(Effect.provide(durable.open()))
    }))

  it.effect("after a clean stop accepts what is newer at once", () =>
    Effect.gen(function*() {
      const durable = makeDurable()
      const sign = makeSender()
      const before = yield* Effect.map(ReplayGuard, (guard) => {
        durable.advance(10)
        const message = sign(durable.now())
        assert.strictEqual(guard.acceptUnsafe(...message), "accepted")
        return message
      }).pipe(Effect.provide(durable.open()))
      durable.advance(1)
      yield* Effect.map(ReplayGuard, (guard) => {
        assert.strictEqual(guard.acceptUnsafe(...before), "stale")
        assert.strictEqual(guard.acceptUnsafe(...sign(durable.now())), "accepted")
      }).pipe(Effect.provide(durable.open()))
    }))

  it.effect("refuses rather than accept above a ceiling that cannot be written, and says so until it can", () =>
    Effect.gen(function*() {
      const durable = makeDurable()
      const sign = makeSender()
      yield* Effect.gen(function*() {
        const guard = yield* ReplayGuard
        durable.store.fails = true
        yield* tick(durable, 10)
        assert.strictEqual(guard.acceptUnsafe(...sign(durable.now())), "capacity")
        assert.match(durable.reports.conditions.get("replay_ceiling") ?? "", /refuses new messages: .*disk is full/)
        durable.store.fails = false
        yield* tick(durable, 1)
        assert.strictEqual(guard.acceptUnsafe(...sign(durable.now())), "accepted")
        assert.isFalse(durable.reports.conditions.has("replay_ceiling"))
      }).pipe(Effect.provide(durable.open()))
    }))

  const lost: ReadonlyArray<readonly [string, StateEntry]> = [
    ["refused", { _tag: "Refused", detail: "bad MAC" }],
    ["of the wrong length", { _tag: "Found", bytes: new Uint8Array(7) }],
    ["not a number", { _tag: "Found", bytes: new Uint8Array(8).fill(0xff) }]
  ]
  for (const [what, entry] of lost) {
    it.effect(`starts above everything signed so far when its ceiling is ${what}`, () =>
      Effect.gen(function*() {
        const durable = makeDurable()
        const sign = makeSender()
        durable.store.entry = entry
        yield* Effect.gen(function*() {
          const guard = yield* ReplayGuard
          assert.strictEqual(guard.acceptUnsafe(...sign(durable.now() + 5_000)), "stale")
          assert.match(durable.reports.alerts[0] ?? "", /^state_refused: the replay ceiling cannot be read/)
          yield* tick(durable, 6)
          assert.strictEqual(guard.acceptUnsafe(...sign(durable.now())), "accepted")
        }).pipe(Effect.provide(durable.open()))
      }))
  }

  it.effect("reports a clock that is behind the last run", () =>
    Effect.gen(function*() {
      const durable = makeDurable()
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setFloat64(0, epochMs + 3_600_000)
      durable.store.entry = { _tag: "Found", bytes }
      yield* Effect.map(ReplayGuard, (guard) => {
        assert.strictEqual(guard.acceptUnsafe(...makeSender()(durable.now())), "stale")
        assert.match(durable.reports.alerts[0] ?? "", /messages are refused for 3600 s; set the clock/)
      }).pipe(Effect.provide(durable.open()))
    }))
})
