import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Finding } from "../domain/Decision.ts"
import type { Exception } from "../domain/decide/Exceptions.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** No recent decision has that id: only those that the trace still holds can be excepted. */
export class DecisionNotFound
  extends Schema.TaggedError<DecisionNotFound>()("DecisionNotFound", { decisionId: Schema.String })
{
  override get message() {
    return `decision ${this.decisionId} is not among the recent ones`
  }
}

/** No exception has that id. */
export class ExceptionNotFound extends Schema.TaggedError<ExceptionNotFound>()("ExceptionNotFound", {
  id: Schema.String
}) {
  override get message() {
    return `there is no exception ${this.id}`
  }
}

/** The exception cannot be made; nothing changed. */
export class ExceptionRefused extends Schema.TaggedError<ExceptionRefused>()("ExceptionRefused", {
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
}

/** Why an exception was not made or not revoked. */
export class ExceptionsError extends Schema.TaggedError<ExceptionsError>()("ExceptionsError", {
  reason: Schema.Union([DecisionNotFound, ExceptionNotFound, ExceptionRefused])
}) {
  override get message() {
    return this.reason.message
  }
}

/** What somebody wants to allow: the decision it is derived from, for how long, who says so and why. */
export interface ExceptionRequest {
  readonly decisionId: string
  /** Lifetime in seconds; `exceptionSecondsDefault` by default, at most `exceptionSecondsMax`. */
  readonly seconds?: number | undefined
  readonly reason: string
  readonly owner: string
}

/** What operators allow although the detector calls it anomalous: narrow, for a time, counted, on record before it holds. */
export class Exceptions extends Context.Service<Exceptions, {
  /** The ids of the live exceptions that together cover all findings on an anomalous event, or `undefined`. Never throws. */
  readonly coverUnsafe: (event: TelemetryEvent, findings: ReadonlyArray<Finding>) => ReadonlyArray<string> | undefined
  /** Derives the narrowest exception from a decision and puts it in force, once it is on record and saved. */
  readonly allow: (request: ExceptionRequest) => Effect.Effect<Exception, ExceptionsError>
  /** Ends an exception at once, whether or not that can be put on record. */
  readonly revoke: (id: string, owner: string) => Effect.Effect<Exception, ExceptionsError>
  /** The live exceptions, the oldest first. */
  readonly list: Effect.Effect<ReadonlyArray<Exception>>
}>()("effect-pic/services/Exceptions") {}
