import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Decision } from "../domain/Decision.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** Nobody listens, or the brain is stopped. */
export class LinkRefused extends Schema.TaggedError<LinkRefused>()("LinkRefused", { detail: Schema.String }) {}
/** The connection broke, or the peer cannot be reached. */
export class LinkPartitioned
  extends Schema.TaggedError<LinkPartitioned>()("LinkPartitioned", { detail: Schema.String })
{}
/** The brain had no room for the message. */
export class LinkOverloaded extends Schema.TaggedError<LinkOverloaded>()("LinkOverloaded", { detail: Schema.String }) {}
/** The brain refused the message as forged, stale or replayed. */
export class LinkRejected extends Schema.TaggedError<LinkRejected>()("LinkRejected", { detail: Schema.String }) {}

/** Why an envelope got no reply. */
export class BrainLinkError extends Schema.TaggedError<BrainLinkError>()("BrainLinkError", {
  reason: Schema.Union([LinkRefused, LinkPartitioned, LinkOverloaded, LinkRejected])
}) {}

/** A brain in the same process. `judgeNowUnsafe` never waits: the evidence of a block is queued, not awaited. */
export interface LocalJudge {
  readonly judgeUnsafe: (event: TelemetryEvent) => Decision | Effect.Effect<Decision>
  readonly judgeNowUnsafe: (event: TelemetryEvent) => Decision
}

/**
 * How envelopes reach the brain and replies come back.
 *
 * `sendUnsafe` answers at once where it can and with an effect where the caller must wait: that type is the only place
 * where the per-call step suspends.
 */
export class BrainLink extends Context.Service<BrainLink, {
  readonly kind: string
  readonly sendUnsafe: (frame: Uint8Array) => Uint8Array | Effect.Effect<Uint8Array, BrainLinkError>
  readonly send: (frame: Uint8Array) => Effect.Effect<Uint8Array, BrainLinkError>
  readonly isAvailable: Effect.Effect<boolean>
  /** Judges without an envelope, where the brain is in the same process: calls over the rate limit, and sync methods. */
  readonly local: LocalJudge | undefined
}>()("effect-pic/services/BrainLink") {}
