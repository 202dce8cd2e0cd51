import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Decision } from "../domain/Decision.ts"
import type { FailMode, FailureClass } from "../domain/FailureClass.ts"
import type { OutcomeReport } from "../domain/Outcome.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** How a failure of this call is to be handled: enforced calls follow the fail mode, others always run. */
export interface CallPolicy {
  readonly enforced: boolean
  /** The function's own fail mode; `undefined` follows the configuration at the time of the failure. */
  readonly failMode: FailMode | undefined
}

/** State of the connector, for health and statistics. */
export interface BrainConnectorStatus {
  readonly available: boolean
  readonly breaker: "closed" | "open" | "half-open"
  readonly bufferedEvents: number
  readonly bufferedBytes: number
  readonly droppedEvents: number
  readonly retries: number
  readonly failures: Readonly<Record<FailureClass, number>>
}

/**
 * Gets a verdict from the brain or, failing that, from the fail policy. Never fails and never waits longer than the
 * deadline.
 */
export class BrainConnector extends Context.Service<BrainConnector, {
  readonly sendEventUnsafe: (event: TelemetryEvent, policy: CallPolicy) => Decision | Effect.Effect<Decision>
  readonly sendEvent: (event: TelemetryEvent, policy: CallPolicy) => Effect.Effect<Decision>
  /** Delivers observed events; the decisions are in order, those of events that could not be delivered say why. */
  readonly sendEvents: (events: ReadonlyArray<TelemetryEvent>) => Effect.Effect<ReadonlyArray<Decision>>
  /** Delivers outcomes, best effort; `false` where they were lost, which is counted. */
  readonly sendOutcomes: (reports: ReadonlyArray<OutcomeReport>) => Effect.Effect<boolean>
  readonly isAvailable: Effect.Effect<boolean>
  readonly handleFailure: (failure: FailureClass, event: TelemetryEvent, policy: CallPolicy) => Effect.Effect<Decision>
  readonly status: Effect.Effect<BrainConnectorStatus>
}>()("effect-pic/services/BrainConnector") {}
