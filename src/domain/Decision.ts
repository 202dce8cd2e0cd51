import * as Schema from "effect/Schema"

/** What the agent does with the call. */
export const Action = Schema.Literals(["allow", "block"])
export type Action = typeof Action.Type

/** Who or what decided. Append only: the position is the code on the wire. */
export const DecisionSource = Schema.Literals([
  "brain",
  "local",
  "cache",
  "training",
  "observe",
  "exception",
  "fail_open",
  "fail_closed",
  "last_known_good",
  "throttled",
  "sampled_out",
  "disabled"
])
export type DecisionSource = typeof DecisionSource.Type

/** Stable identifiers of the detectors. Append only. */
export const DetectorId = Schema.Literals([
  "arity",
  "type",
  "path",
  "size",
  "shape",
  "grams",
  "mask",
  "novelty",
  "magnitude",
  "order",
  "rate",
  "duration",
  "outcome",
  "drift"
])
export type DetectorId = typeof DetectorId.Type

/**
 * One reason for a verdict: which detector, at which argument (empty: the call as a whole), what was expected, what was
 * seen, and how improbable that is among normal calls.
 */
export const Finding = Schema.Struct({
  detector: DetectorId,
  path: Schema.String,
  expected: Schema.String.check(Schema.isMaxLength(256)),
  seen: Schema.String.check(Schema.isMaxLength(256)),
  pValue: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
})
export type Finding = typeof Finding.Type

/** Most findings in one decision, the most surprising first. */
export const findingsMax = 8

/**
 * The verdict on one call.
 *
 * `pValue` is the calibrated probability that a normal call looks at least this unusual; `confidence` is `1 - pValue`
 * for an anomalous call and 1 for decisions that need no score; `wouldBlock` says that the verdict was to block,
 * whether or not it was enforced. `findings` are for the operator and never reach the caller of a blocked function.
 */
export const Decision = Schema.Struct({
  id: Schema.String.check(Schema.isMaxLength(64)),
  eventId: Schema.String.check(Schema.isMaxLength(64)),
  action: Action,
  source: DecisionSource,
  reason: Schema.String.check(Schema.isMaxLength(256)),
  confidence: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  pValue: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  findings: Schema.Array(Finding).check(Schema.isMaxLength(findingsMax)),
  wouldBlock: Schema.Boolean
})
export type Decision = typeof Decision.Type
