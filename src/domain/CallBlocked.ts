import * as Schema from "effect/Schema"

/** The verdict was that no normal call of this function looks like this one. */
export class Anomalous extends Schema.TaggedError<Anomalous>()("Anomalous", {}) {}
/** No verdict could be had and the fail mode is closed. */
export class FailedClosed extends Schema.TaggedError<FailedClosed>()("FailedClosed", {}) {}
/** The function is over its rate limit and `cellagent.over_limit` is `block`. */
export class Throttled extends Schema.TaggedError<Throttled>()("Throttled", {}) {}

/**
 * The one error that a wrapped function gains: the call was refused and the function did not run.
 *
 * It carries the decision id and no explanation: an explanation given to the caller teaches an attacker. The operator
 * finds it by the id (`pic audit tail --json`).
 */
export class CallBlocked extends Schema.TaggedError<CallBlocked>()("CallBlocked", {
  fn: Schema.String,
  decisionId: Schema.String,
  reason: Schema.Union([Anomalous, FailedClosed, Throttled])
}) {
  override get message() {
    return `the call of ${this.fn} was blocked (${this.reason._tag}, decision ${this.decisionId || "without id"})`
  }
}
