import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { BoundedQueue } from "../../domain/flow/BoundedQueue.ts"
import { EventQueue, type QueueItem } from "../../services/EventQueue.ts"
import { OwnResources } from "../../services/OwnResources.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"

/** Layer with a queue in memory. Its size is fixed at the start; drop policy and threshold follow the settings. */
export const layer: Layer.Layer<EventQueue, never, PicConfig | PicMetrics> = Layer.effect(
  EventQueue,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const metrics = yield* PicMetrics
    const own = yield* OwnResources
    const { brain } = config.settingsUnsafe()
    const queue = new BoundedQueue<QueueItem>({ sizeMax: brain.queue_size, bytesMax: brain.queue_bytes })
    const filled = Latch.makeUnsafe(false)

    const drop = (item: QueueItem): void => {
      try {
        item.dropped()
      } catch {
        // The waiting caller's continuation failed: what is dropped is still out of the queue.
        metrics.incrementUnsafe("errors")
      }
    }
    const utilizationUnsafe = (): number => queue.size === 0 ? 0 : queue.utilization
    const shouldApplyBackpressureUnsafe = (): boolean =>
      utilizationUnsafe() >= config.settingsUnsafe().brain.backpressure_threshold
    const enqueueUnsafe = (item: QueueItem): boolean => {
      queue.offer(item, config.settingsUnsafe().brain.drop_policy, drop)
      if (queue.size > 0) filled.openUnsafe()
      return !shouldApplyBackpressureUnsafe()
    }
    // Woken waiters take for themselves: an item is never in the hands of one that was interrupted meanwhile.
    const dequeue: Effect.Effect<QueueItem> = Effect.suspend(() => {
      const item = queue.poll()
      if (item !== undefined) return Effect.succeed(item)
      filled.closeUnsafe()
      return Effect.andThen(filled.await, dequeue)
    })
    const unregister = own.registerUnsafe(() => queue.bytes)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        unregister()
        for (let item = queue.poll(); item !== undefined; item = queue.poll()) drop(item)
      })
    )

    return EventQueue.of({
      enqueueUnsafe,
      enqueue: (item) => Effect.sync(() => enqueueUnsafe(item)),
      dequeueUnsafe: () => queue.poll(),
      dequeue,
      shouldApplyBackpressureUnsafe,
      utilizationUnsafe,
      status: Effect.sync(() => ({
        size: queue.size,
        bytes: queue.bytes,
        utilization: utilizationUnsafe(),
        dropped: queue.dropped
      }))
    })
  })
)
