import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as PicClockLayer from "../../../src/layers/agent/PicClock.ts"
import { PicClock } from "../../../src/services/PicClock.ts"
import { suite } from "../../contract/PicClock.ts"

suite("anchored once", () => ({ layer: PicClockLayer.layer, move: (ms) => TestClock.adjust(ms) }))
suite("set by hand", () => {
  let now = 1_000
  const { layer, set } = PicClockLayer.makeManual(now)
  return { layer, move: (ms) => Effect.sync(() => set(now += ms)) }
})

describe("PicClock", () => {
  it.effect("a wall clock that steps does not move it", () =>
    Effect.gen(function*() {
      let step = 0
      const steady = yield* Clock.clockWith(Effect.succeed)
      const stepping: Clock.Clock = Object.assign(Object.create(steady), {
        currentTimeMillisUnsafe: () => steady.currentTimeMillisUnsafe() + step
      })
      const clock = yield* PicClock.pipe(
        Effect.provide(PicClockLayer.layer),
        Effect.provideService(Clock.Clock, stepping)
      )
      const before = clock.nowUnsafe()
      for (const ms of [3_600_000, -7_200_000]) {
        step += ms
        assert.strictEqual(clock.nowUnsafe(), before)
      }
      yield* TestClock.adjust(5)
      assert.strictEqual(clock.nowUnsafe(), before + 5)
    }))

  it.live("on Effect's own clock it tells the wall's time at first, and goes on", () =>
    Effect.gen(function*() {
      const earliest = Date.now()
      const clock = yield* PicClock
      const before = clock.nowUnsafe()
      // The wall clock tells whole milliseconds.
      assert.isTrue(before >= earliest - 1 && before <= Date.now() + 1)
      yield* Effect.sleep(2)
      assert.isAbove(clock.nowUnsafe(), before)
    }).pipe(Effect.provide(PicClockLayer.layer)))

  it("one set by hand does not go back", () => {
    const { layer, set } = PicClockLayer.makeManual(500)
    const clock = Effect.runSync(Effect.provide(PicClock, layer))
    set(400)
    assert.strictEqual(clock.nowUnsafe(), 500)
  })
})
