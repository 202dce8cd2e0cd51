import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Decision } from "../domain/Decision.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"
import type { BrainLinkError } from "./BrainLink.ts"

/** State of the brain, for health and statistics. */
export interface BrainStatus {
  readonly running: boolean
  readonly workers: number
  readonly eventsReceived: number
  readonly eventsAnalysed: number
  readonly outcomesLearned: number
  readonly eventsRejected: number
  readonly blocked: number
  readonly wouldBlock: number
}

/** The pipeline: validate, queue, profile and score, decide, audit, sign. */
export class BrainCore extends Context.Service<BrainCore, {
  /** Handles one signed frame; answers at once unless the caller must wait for the queue or for evidence. */
  readonly receiveUnsafe: (frame: Uint8Array) => Uint8Array | Effect.Effect<Uint8Array, BrainLinkError>
  /** Judges an event of the same process without an envelope; a block still waits for its evidence. */
  readonly judgeUnsafe: (event: TelemetryEvent) => Decision | Effect.Effect<Decision>
  /** The same for callers that cannot wait: the evidence of a block is queued, not awaited. */
  readonly judgeNowUnsafe: (event: TelemetryEvent) => Decision
  readonly isAvailable: Effect.Effect<boolean>
  /** Starts and stops taking events; a stop answers everything that waits. */
  readonly start: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  readonly status: Effect.Effect<BrainStatus>
}>()("effect-pic/services/BrainCore") {}
