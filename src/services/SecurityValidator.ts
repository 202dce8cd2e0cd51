import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type { BackpressureSignal } from "../domain/BackpressureSignal.ts"
import type { Decision } from "../domain/Decision.ts"
import type { OutcomeReport } from "../domain/Outcome.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"
import type { SecurityViolation } from "./SecureTransport.ts"

/** A request that proved its origin, freshness and single use, and what the reply needs. */
export type VerifiedRequest =
  & {
    readonly agentId: string
    readonly nonce: Uint8Array
    readonly timestamp: number
  }
  & (
    | { readonly purpose: "event"; readonly event: TelemetryEvent }
    | { readonly purpose: "events"; readonly events: ReadonlyArray<TelemetryEvent> }
    | { readonly purpose: "outcomes"; readonly reports: ReadonlyArray<OutcomeReport> }
  )

/** MAC first, then freshness, then single use, then decoding; a refused message moves a counter and nothing else. */
export class SecurityValidator extends Context.Service<SecurityValidator, {
  readonly verifyEventUnsafe: (frame: Uint8Array) => Result.Result<VerifiedRequest, SecurityViolation>
  readonly verifyEvent: (frame: Uint8Array) => Effect.Effect<VerifiedRequest, SecurityViolation>
  /** Signs the replies of the brain; the MAC covers the event id and the nonce of the request. */
  readonly signDecisionUnsafe: (
    request: VerifiedRequest,
    decision: Decision,
    signal: BackpressureSignal
  ) => Uint8Array
  readonly signDecisionsUnsafe: (
    request: VerifiedRequest,
    decisions: ReadonlyArray<Decision>,
    signal: BackpressureSignal
  ) => Uint8Array
  readonly signAckUnsafe: (
    request: VerifiedRequest,
    signal: BackpressureSignal
  ) => Uint8Array
  readonly isReplayAttack: (agentId: string, nonce: Uint8Array, timestamp: number) => Effect.Effect<boolean>
  readonly cleanupOldNonces: Effect.Effect<number>
}>()("effect-pic/services/SecurityValidator") {}
