import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { OwnResources } from "../../services/OwnResources.ts"

/** How long the first item waits for company before its batch is sent: long enough to share a MAC, short to learn. */
export const lingerMs = 5
/** Batches sent before the fiber lets others run. */
const batchesPerTurn = 8
/** About what an item keeps in memory, for the account of our own use. */
const itemBytes = 512

/**
 * Items that leave the agent in batches, off the caller's path. Bounded: `offerUnsafe` answers `false` when full.
 */
export interface Outbox<A> {
  readonly offerUnsafe: (item: A) => boolean
  readonly sizeUnsafe: () => number
  /** Sends everything that was offered before now, and waits for it. */
  readonly flush: Effect.Effect<void>
}

/** Why items were not sent: the scope ended first, or sending them failed by a defect of ours. */
export type Unsent = { readonly _tag: "Ended" } | { readonly _tag: "Defect"; readonly cause: unknown }

/**
 * Starts an outbox in the current scope. `send` handles one batch; `lost` hears of items that did not go out, and an outbox
 * goes on after a batch whose sending dies.
 */
export const make = Effect.fnUntraced(function*<A>(options: {
  readonly capacity: number
  readonly batchSize: number
  readonly send: (batch: ReadonlyArray<A>) => Effect.Effect<void>
  readonly lost?: ((items: ReadonlyArray<A>, why: Unsent) => void) | undefined
}): Effect.fn.Return<Outbox<A>, never, Scope.Scope> {
  const { batchSize, capacity, send } = options
  const own = yield* OwnResources
  const waiting = Latch.makeUnsafe(false)
  const full = Latch.makeUnsafe(false)
  const turn = Semaphore.makeUnsafe(1)
  let items: Array<A> = []
  let sending = 0

  const lose = (unsent: ReadonlyArray<A>, why: Unsent = { _tag: "Ended" }): Effect.Effect<void> =>
    Effect.sync(() => {
      if (unsent.length > 0) options.lost?.(unsent, why)
    })
  const sendOne = (batch: ReadonlyArray<A>): Effect.Effect<void> =>
    Effect.catchDefect(Effect.suspend(() => send(batch)), (cause) => lose(batch, { _tag: "Defect", cause }))
  const sendAll = Effect.fnUntraced(function*(all: ReadonlyArray<A>) {
    let batches = 0
    for (let from = 0; from < all.length; from += batchSize) {
      sending = all.length - from
      yield* Effect.onInterrupt(sendOne(all.slice(from, from + batchSize)), () => lose(all.slice(from)))
      if (++batches % batchesPerTurn === 0) {
        yield* Effect.onInterrupt(Effect.yieldNow, () => lose(all.slice(from + batchSize)))
      }
    }
    sending = 0
  })
  // One at a time: whoever flushes waits for the batch that another has in hand.
  const drain = turn.withPermits(1)(Effect.suspend(() => {
    const all = items
    items = []
    return sendAll(all)
  }))
  const loop = Effect.gen(function*() {
    // Opening a latch runs the fiber at once, on the stack of the caller who filled the box: yield before any work.
    yield* Effect.andThen(waiting.await, Effect.yieldNow)
    if (items.length < batchSize) {
      yield* Effect.andThen(Effect.raceFirst(full.await, Effect.sleep(lingerMs)), Effect.yieldNow)
    }
    waiting.closeUnsafe()
    full.closeUnsafe()
    yield* drain
  })
  const unregister = own.registerUnsafe(() => (items.length + sending) * itemBytes)
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      unregister()
      const rest = items
      items = []
      return lose(rest)
    })
  )
  // The loop yields itself: another turn in between would let twice as many items gather.
  yield* Effect.forkScoped(Effect.forever(loop, { disableYield: true }))

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
