import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/** Somebody who waits, until an answer comes or his time is over, whichever is first. */
interface Waiter {
  readonly deadline: number
  expire: (() => void) | undefined
}

/**
 * Bounded waiting for many at the same price: one fiber and one timer, where a timeout for each would cost more than what
 * is waited for. All wait equally long, so the first in line is the first to expire.
 */
export class Deadlines {
  readonly #now: () => number
  readonly #signal = Latch.makeUnsafe(false)
  #waiters: Array<Waiter> = []
  #first = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Calls `expire` after `waitMs` unless the returned function is called before; that one answers whether it was in time. */
  add(waitMs: number, expire: () => void): () => boolean {
    const waiter: Waiter = { deadline: this.#now() + waitMs, expire }
    this.#waiters.push(waiter)
    this.#signal.openUnsafe()
    return () => {
      const inTime = waiter.expire !== undefined
      waiter.expire = undefined
      return inTime
    }
  }

  /** Watches for ever. */
  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.andThen(this.#signal.await, Effect.suspend(() => this.#expire()))
  )

  #expire(): Effect.Effect<void> {
    const now = this.#now()
    while (this.#first < this.#waiters.length) {
      const waiter = this.#waiters[this.#first]!
      if (waiter.expire !== undefined && waiter.deadline > now) {
        return Effect.sleep(Math.ceil(waiter.deadline - now))
      }
      this.#first++
      const { expire } = waiter
      waiter.expire = undefined
      expire?.()
    }
    this.#waiters = []
    this.#first = 0
    this.#signal.closeUnsafe()
    return Effect.void
  }
}
