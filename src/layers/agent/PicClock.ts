import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PicClock } from "../../services/PicClock.ts"

/** Milliseconds that only go forward. That of Effect's own clock is read without a bigint, which costs half as much. */
const monotonicMsOf = (clock: Clock.Clock): () => number => {
  if (clock === Context.get(Context.empty(), Clock.Clock)) return () => performance.now()
  const start = clock.monotonicTimeNanosUnsafe()
  return () => Number(clock.monotonicTimeNanosUnsafe() - start) / 1e6
}

/** Layer that anchors time to the Clock once and advances it by the monotonic clock (the TestClock in tests). */
export const layer: Layer.Layer<PicClock> = Layer.effect(
  PicClock,
  Effect.clockWith((clock: Clock.Clock) => {
    const monotonicMs = monotonicMsOf(clock)
    const epoch = clock.currentTimeMillisUnsafe() - monotonicMs()
    return Effect.succeed(PicClock.of({ nowUnsafe: () => epoch + monotonicMs() }))
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
