import * as Schema from "effect/Schema"

/** How a call ended: by success, by a typed failure, by a defect, or by interruption. */
export const OutcomeKind = Schema.Literals(["success", "failure", "defect", "interrupted"])
export type OutcomeKind = typeof OutcomeKind.Type

/** How a call ended and how long it took. `tag` is the `_tag` (or constructor name) of a failure, never its message. */
export const Outcome = Schema.Struct({
  kind: OutcomeKind,
  tag: Schema.String.check(Schema.isMaxLength(64)),
  durationMs: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
})
export type Outcome = typeof Outcome.Type

/** The outcome of one analysed call, as the agent reports it afterwards, in signed batches. */
export const OutcomeReport = Schema.Struct({
  eventId: Schema.String,
  fn: Schema.String,
  timestamp: Schema.Finite,
  outcome: Outcome
})
export type OutcomeReport = typeof OutcomeReport.Type
