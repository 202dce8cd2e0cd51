import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PicClock } from "../../services/PicClock.ts"

/** When the current call entered the protection, in epoch milliseconds; NaN outside a measured call. */
const Entered = Context.Reference<number>("effect-pic/runtime/demo/Entered", { defaultValue: () => Number.NaN })

/** Measures what protection adds to a call that runs: from entering the wrapper to the start of the function. */
export class Stopwatch extends Context.Service<Stopwatch, {
  /** Around the wrapped call. */
  readonly enter: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Inside it, around the function. */
  readonly begin: <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Ends a lap: the microseconds added to each call since the last one, in ascending order. */
  readonly lap: Effect.Effect<ReadonlyArray<number>>
}>()("effect-pic/runtime/demo/Stopwatch") {}

/** The value below which a share of the sorted values lies; 0 where there are none. */
export const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/** A stopwatch on the clock of the system. */
export const layer: Layer.Layer<Stopwatch, never, PicClock> = Layer.effect(
  Stopwatch,
  Effect.map(PicClock, (clock) => {
    let added: Array<number> = []
    return Stopwatch.of({
      enter: (call) => Effect.suspend(() => Effect.provideService(call, Entered, clock.nowUnsafe())),
      begin: (body) =>
        Effect.flatMap(Entered, (entered) => {
          added.push((clock.nowUnsafe() - entered) * 1_000)
          return body
        }),
      lap: Effect.sync(() => {
        const sorted = added.toSorted((a, b) => a - b)
        added = []
        return sorted
      })
    })
  })
)
