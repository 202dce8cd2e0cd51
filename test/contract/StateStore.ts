import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { StateStore } from "../../src/services/StateStore.ts"

/** What every place for state must do. The layer brings an empty store each time it is built. */
export const suite = <E>(name: string, layer: Layer.Layer<StateStore, E>) =>
  describe(`StateStore (${name})`, () => {
    const fresh = { local: true } as const
    const found = (bytes: ReadonlyArray<number>) => ({ _tag: "Found" as const, bytes: Uint8Array.from(bytes) })

    it.live("has nothing under a name that was never saved", () =>
      Effect.gen(function*() {
        const store = yield* StateStore
        assert.deepStrictEqual(yield* store.load("baselines"), { _tag: "Absent" })
      }).pipe(Effect.provide(layer, fresh)))

    it.live("gives back the last bytes of each name, empty ones too", () =>
      Effect.gen(function*() {
        const store = yield* StateStore
        yield* store.save("a", Uint8Array.of(1, 2))
        yield* store.save("b", new Uint8Array(0))
        yield* store.save("a", Uint8Array.of(3))
        yield* store.save("ü/'\"; --", Uint8Array.of(4))
        assert.deepStrictEqual(yield* store.load("a"), found([3]))
        assert.deepStrictEqual(yield* store.load("b"), found([]))
        assert.deepStrictEqual(yield* store.load("ü/'\"; --"), found([4]))
      }).pipe(Effect.provide(layer, fresh)))

    it.live("keeps its own copy", () =>
      Effect.gen(function*() {
        const store = yield* StateStore
        const bytes = Uint8Array.of(1)
        yield* store.save("a", bytes)
        bytes[0] = 9
        assert.deepStrictEqual(yield* store.load("a"), found([1]))
      }).pipe(Effect.provide(layer, fresh)))

    it.live("keeps what concurrent callers save, and large values", () =>
      Effect.gen(function*() {
        const store = yield* StateStore
        const large = new Uint8Array(3_000_000).fill(7)
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, n) => n),
          (n) => store.save(`name ${n}`, n === 0 ? large : Uint8Array.of(n)),
          { concurrency: "unbounded" }
        )
        for (let n = 1; n < 20; n++) assert.deepStrictEqual(yield* store.load(`name ${n}`), found([n]))
        const entry = yield* store.load("name 0")
        assert.isTrue(entry._tag === "Found" && Buffer.from(entry.bytes).equals(large))
      }).pipe(Effect.provide(layer, fresh)))
  })
