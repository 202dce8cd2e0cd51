import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"

/** How long the first item waits for company before its batch is sent: long enough to share a MAC, short to learn. */
export const lingerMs = 5
/** Batches sent before the fiber lets others run. */
const batchesPerTurn = 8

/**
 * Items that leave the agent in batches, off the caller's path. Bounded: `offerUnsafe` answers `false` when full.
 */
export interface Outbox<A> {
  readonly offerUnsafe: (item: A) => boolean
  readonly sizeUnsafe: () => number
  /** Sends everything that is queued now. */
  readonly flush: Effect.Effect<void>
}

/** Starts an outbox in the current scope. `send` handles one batch and must not fail. */
export const make = Effect.fnUntraced(function*<A>(options: {
  readonly capacity: number
  readonly batchSize: number
  readonly send: (batch: ReadonlyArray<A>) => Effect.Effect<void>
}): Effect.fn.Return<Outbox<A>, never, Scope.Scope> {
  const { batchSize, capacity, send } = options
  const waiting = Latch.makeUnsafe(false)
  const full = Latch.makeUnsafe(false)
  let items: Array<A> = []

  const drain = Effect.gen(function*() {
    let batches = 0
    while (items.length > 0) {
      const all = items
      items = []
      for (let from = 0; from < all.length; from += batchSize) {
        yield* send(all.slice(from, from + batchSize))
        if (++batches % batchesPerTurn === 0) yield* Effect.yieldNow
      }
    }
  })
  const loop = Effect.gen(function*() {
    // Opening a latch runs the fiber at once, on the stack of the caller who filled the box: yield before any work.
    yield* Effect.andThen(waiting.await, Effect.yieldNow)
    yield* Effect.andThen(Effect.raceFirst(full.await, Effect.sleep(lingerMs)), Effect.yieldNow)
    waiting.closeUnsafe()
    full.closeUnsafe()
    yield* drain
  })
  yield* Effect.forkScoped(Effect.forever(loop))

  return {
    offerUnsafe: (item) => {
      if (items.length >= capacity) return false
      items.push(item)
      if (items.length === 1) waiting.openUnsafe()
      else if (items.length === batchSize) full.openUnsafe()
      return true
    },
    sizeUnsafe: () => items.length,
    flush: drain
  }
})
