import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { PicClock } from "../../src/services/PicClock.ts"

/** What every PicClock owes; `move` lets this much time pass for it. */
export const suite = (
  name: string,
  make: () => { readonly layer: Layer.Layer<PicClock>; readonly move: (ms: number) => Effect.Effect<void> }
) =>
  describe(`PicClock (${name})`, () => {
    it.effect("tells epoch milliseconds that follow the time that passes, fractions included", () => {
      const { layer, move } = make()
      return Effect.gen(function*() {
        const clock = yield* PicClock
        const start = clock.nowUnsafe()
        for (const ms of [0, 1, 0.25, 1_000, 86_400_000]) {
          const before = clock.nowUnsafe()
          yield* move(ms)
          assert.closeTo(clock.nowUnsafe() - before, ms, 1e-3)
        }
        assert.isAtLeast(start, 0)
      }).pipe(Effect.provide(layer))
    })

    it.effect("never goes back", () => {
      const { layer, move } = make()
      return Effect.gen(function*() {
        const clock = yield* PicClock
        yield* move(1_000)
        const before = clock.nowUnsafe()
        yield* move(0)
        assert.isAtLeast(clock.nowUnsafe(), before)
      }).pipe(Effect.provide(layer))
    })
  })
