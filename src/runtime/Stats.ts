import * as Effect from "effect/Effect"
import { BackpressureController } from "../services/BackpressureController.ts"
import { BrainConnector } from "../services/BrainConnector.ts"
import { BrainCore } from "../services/BrainCore.ts"
import { CellAgent } from "../services/CellAgent.ts"
import { EventQueue } from "../services/EventQueue.ts"
import { PicHealth } from "../services/PicHealth.ts"
import { PicMetrics } from "../services/PicMetrics.ts"
import { RateLimiter } from "../services/RateLimiter.ts"
import { ReplayGuard } from "../services/ReplayGuard.ts"
import { SamplingController } from "../services/SamplingController.ts"

/** Everything that the components count, at one moment: the seed's `getStats`. */
export const collect = Effect.gen(function*() {
  const brain = yield* BrainCore
  // First, since reading the brain's status also samples the queue for the metrics.
  const brainStatus = yield* brain.status
  return {
    health: yield* (yield* PicHealth).status,
    accounting: yield* (yield* CellAgent).accounting,
    metrics: yield* (yield* PicMetrics).getStats,
    brain: brainStatus,
    connector: yield* (yield* BrainConnector).status,
    rateLimit: yield* (yield* RateLimiter).status,
    sampling: yield* (yield* SamplingController).status,
    queue: yield* (yield* EventQueue).status,
    backpressure: yield* (yield* BackpressureController).checkAndSignal,
    replayGuard: yield* (yield* ReplayGuard).status
  }
})

/** The statistics of a running system. */
export type Stats = Effect.Success<typeof collect>
