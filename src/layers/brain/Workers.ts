import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { Decision } from "../../domain/Decision.ts"
import type { Priority, TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { EventQueue, type QueueItem } from "../../services/EventQueue.ts"
import { PicConfig } from "../../services/PicConfig.ts"

/** Events that a worker analyses before it lets others run: about half a millisecond of work. */
export const sliceMax = 64

/** An event that waits in the queue, with what to do once it is decided or dropped. */
export class Waiting implements QueueItem {
  readonly event: TelemetryEvent
  readonly bytes: number
  readonly enforced: boolean
  readonly decided: (decision: Decision) => void
  readonly dropped: () => void
  readonly failed: (cause: unknown) => void
  #state: "queued" | "taken" | "abandoned" = "queued"

  constructor(options: {
    readonly event: TelemetryEvent
    readonly bytes: number
    readonly enforced: boolean
    readonly decided: (decision: Decision) => void
    readonly dropped: () => void
    readonly failed: (cause: unknown) => void
  }) {
    this.event = options.event
    this.bytes = options.bytes
    this.enforced = options.enforced
    this.decided = options.decided
    this.dropped = options.dropped
    this.failed = options.failed
  }

  get priority(): Priority {
    return this.event.priority
  }

  /** A worker begins; `false` where the caller has given up and nothing must happen any more. */
  take(): boolean {
    if (this.#state === "queued") this.#state = "taken"
    return this.#state === "taken"
  }

  /** The caller gives up; `false` where a worker has begun, so that its verdict comes and stands. */
  abandon(): boolean {
    if (this.#state === "queued") this.#state = "abandoned"
    return this.#state === "abandoned"
  }
}

/** How many workers a queue this full deserves: all of them at the backpressure threshold. */
export const workersWanted = (utilization: number, threshold: number, min: number, max: number): number =>
  max <= min ? min : Math.min(max, min + Math.ceil((max - min) * Math.min(1, utilization / threshold)))

/** Answers the item whatever becomes of its decision: a waiting caller must hear of a failure or a stop as well. */
const answer = (item: Waiting, decision: Effect.Effect<Decision>): Effect.Effect<Decision> =>
  Effect.onExitPrimitive(decision, (exit) => {
    if (Exit.isSuccess(exit)) item.decided(exit.value)
    else if (Cause.hasInterruptsOnly(exit.cause)) item.dropped()
    else item.failed(Cause.squash(exit.cause))
    return undefined
  })

/** The pool of fibers that drain the event queue while calls are not handed over directly. */
export interface Workers {
  /** Adds workers where the queue has grown; they go by themselves when it is empty again. */
  readonly scaleUnsafe: () => void
  readonly countUnsafe: () => number
}

/** Starts the pool in the current scope. `analyse` judges one event. */
export const make = Effect.fnUntraced(function*(
  analyse: (event: TelemetryEvent, enforced: boolean) => Decision | Effect.Effect<Decision>
): Effect.fn.Return<Workers, never, EventQueue | PicConfig | Scope.Scope> {
  const queue = yield* EventQueue
  const config = yield* PicConfig
  const fork = yield* FiberSet.makeRuntime()
  const { brain } = config.settingsUnsafe()
  let count = 0

  const run = (item: QueueItem): void => {
    if (!(item instanceof Waiting) || !item.take()) return
    try {
      const decision = analyse(item.event, item.enforced)
      // A block waits for its evidence in a fiber of its own: the events behind it do not.
      if (Effect.isEffect(decision)) fork(answer(item, decision))
      else item.decided(decision)
    } catch (cause) {
      item.failed(cause)
    }
  }
  const wanted = (): number =>
    workersWanted(
      queue.utilizationUnsafe(),
      brain.backpressure_threshold,
      brain.worker_threads,
      brain.max_worker_threads
    )

  const worker = Effect.gen(function*() {
    while (count <= wanted()) {
      run(yield* queue.dequeue)
      for (let i = 1; i < sliceMax; i++) {
        const item = queue.dequeueUnsafe()
        if (item === undefined) break
        run(item)
      }
      yield* Effect.yieldNow
    }
  })
  const spawn = (): void => {
    count++
    fork(Effect.ensuring(worker, Effect.sync(() => count--)))
  }
  for (let i = 0; i < brain.worker_threads; i++) spawn()

  return {
    scaleUnsafe: () => {
      for (let missing = wanted() - count; missing > 0; missing--) spawn()
    },
    countUnsafe: () => count
  }
})
