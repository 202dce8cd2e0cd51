import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { BackpressureSignal } from "../domain/BackpressureSignal.ts"
import type { Decision } from "../domain/Decision.ts"
import type { OutcomeReport } from "../domain/Outcome.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"
import { batchLengthMax } from "../domain/wire/Body.ts"

/** Why a message was refused; carries no cryptographic detail. */
export const SecurityViolationKind = Schema.Literals([
  "malformed",
  "unknown_key",
  "bad_signature",
  "stale",
  "future",
  "replayed",
  "capacity",
  "wrong_request"
])
export type SecurityViolationKind = typeof SecurityViolationKind.Type

/** A message was refused before it had any effect. */
export class SecurityViolation extends Schema.TaggedError<SecurityViolation>()("SecurityViolation", {
  kind: SecurityViolationKind,
  detail: Schema.String
}) {
  override get message() {
    return `${this.kind}: ${this.detail}`
  }
}

/** A signed request, ready to send, and what a reply to it must prove. */
export interface SignedRequest {
  readonly frame: Uint8Array
  readonly nonce: Uint8Array
  readonly eventId: string
  /** The ids of a batch of events: the reply must answer them, in order. */
  readonly eventIds?: ReadonlyArray<string> | undefined
}

/** A verified reply to one event. */
export interface VerifiedDecision {
  readonly decision: Decision
  readonly backpressure: BackpressureSignal
}

/** Signs what the agent sends and verifies what it receives; the signed bytes are the sent bytes. */
export class SecureTransport extends Context.Service<SecureTransport, {
  readonly signEventUnsafe: (event: TelemetryEvent) => SignedRequest
  readonly signEvent: (event: TelemetryEvent) => Effect.Effect<SignedRequest>
  /** Signs observed events, up to `batchMax`, under one MAC; `eventId` of the request is empty. */
  readonly signEventsUnsafe: (events: ReadonlyArray<TelemetryEvent>) => SignedRequest
  /** Signs outcome reports, up to `batchMax`, under one MAC; `eventId` of the request is empty. */
  readonly signOutcomesUnsafe: (reports: ReadonlyArray<OutcomeReport>) => SignedRequest
  readonly verifyDecisionUnsafe: (
    request: SignedRequest,
    reply: Uint8Array
  ) => Result.Result<VerifiedDecision, SecurityViolation>
  readonly verifyDecision: (
    request: SignedRequest,
    reply: Uint8Array
  ) => Effect.Effect<VerifiedDecision, SecurityViolation>
  /** Verifies the reply to a batch of events: their decisions, in order. */
  readonly verifyDecisionsUnsafe: (
    request: SignedRequest,
    reply: Uint8Array
  ) => Result.Result<
    { readonly decisions: ReadonlyArray<Decision>; readonly backpressure: BackpressureSignal },
    SecurityViolation
  >
  /** Verifies the reply to a batch of outcomes. */
  readonly verifyAckUnsafe: (
    request: SignedRequest,
    reply: Uint8Array
  ) => Result.Result<BackpressureSignal, SecurityViolation>
}>()("effect-pic/services/SecureTransport") {}

/** Most events or outcome reports under one MAC: past this the MAC's share of the cost no longer falls. */
export const batchMax = batchLengthMax
