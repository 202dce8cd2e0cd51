import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PicClock } from "../../services/PicClock.ts"

/** Layer that anchors time to the Clock once and advances it by the monotonic clock (the TestClock in tests). */
export const layer: Layer.Layer<PicClock> = Layer.effect(
  PicClock,
  Effect.clockWith((clock: Clock.Clock) => {
    const epoch = clock.currentTimeMillisUnsafe()
    const start = clock.monotonicTimeNanosUnsafe()
    return Effect.succeed(PicClock.of({
      nowUnsafe: () => epoch + Number(clock.monotonicTimeNanosUnsafe() - start) / 1e6
    }))
  })
)

/** A clock that stands still until it is set: trace time, for replays. */
export const makeManual = (
  startMs: number
): { readonly layer: Layer.Layer<PicClock>; readonly set: (ms: number) => void } => {
  let now = startMs
  return {
    layer: Layer.succeed(PicClock, PicClock.of({ nowUnsafe: () => now })),
    set: (ms) => {
      now = Math.max(now, ms)
    }
  }
}
