import * as Schema from "effect/Schema"
import { CallFeatures } from "./CallFeatures.ts"

/** Longest function name, in UTF-16 code units. */
export const functionNameLengthMax = 256
/** Longest session identifier that leaves the agent; longer ones are hashed. */
export const sessionLengthMax = 128

/** What the queue may drop first. */
export const Priority = Schema.Literals(["low", "normal", "high"])
export type Priority = typeof Priority.Type

/**
 * The description of one call that an agent sends before the call runs.
 *
 * It is a plain struct rather than a schema class: it is built on every call, and a class constructor validates.
 * `id` stays the same through retries; `timestamp` is epoch milliseconds; `samplingProbability` is in (0, 1];
 * `subjectHash` and `session` are empty where the application names none.
 */
export const TelemetryEvent = Schema.Struct({
  id: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(64)),
  agentId: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(64)),
  fn: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(functionNameLengthMax)),
  session: Schema.String.check(Schema.isMaxLength(sessionLengthMax)),
  subjectHash: Schema.String.check(Schema.isMaxLength(32)),
  timestamp: Schema.Finite,
  priority: Priority,
  samplingProbability: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  features: CallFeatures
})
export type TelemetryEvent = typeof TelemetryEvent.Type
