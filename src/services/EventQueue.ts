import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Priority, TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** An event waiting for analysis. `complete` answers its caller; a dropped item is answered with `dropped`. */
export interface QueueItem {
  readonly event: TelemetryEvent
  readonly bytes: number
  readonly priority: Priority
  readonly dropped: () => void
}

/** State of the queue. */
export interface EventQueueStatus {
  readonly size: number
  readonly bytes: number
  readonly utilization: number
  readonly dropped: number
}

/** Bounded by count and bytes; what must go is chosen by the drop policy and its caller is answered. */
export class EventQueue extends Context.Service<EventQueue, {
  /** Adds an item, dropping as the policy says; `false` when backpressure should be applied. */
  readonly enqueueUnsafe: (item: QueueItem) => boolean
  readonly enqueue: (item: QueueItem) => Effect.Effect<boolean>
  readonly dequeueUnsafe: () => QueueItem | undefined
  /** Suspends until there is an item. */
  readonly dequeue: Effect.Effect<QueueItem>
  readonly shouldApplyBackpressureUnsafe: () => boolean
  readonly utilizationUnsafe: () => number
  readonly status: Effect.Effect<EventQueueStatus>
}>()("effect-pic/services/EventQueue") {}
