import type { Action, DecisionSource } from "../Decision.ts"
import { FailMode, FailureClass } from "../FailureClass.ts"

/** What happens to a call for which no verdict could be had. */
export interface FailOutcome {
  readonly action: Action
  readonly source: DecisionSource
  readonly reason: string
}

/** The failure in words, for the recorded reason. */
export const failureText: Readonly<Record<FailureClass, string>> = {
  Timeout: "the brain did not answer in time",
  Refused: "the brain refused the connection",
  Partition: "the brain cannot be reached",
  Overload: "the brain has no room for the event",
  BadSignature: "the decision could not be verified",
  Stale: "the message or its decision was stale",
  Defect: "effect-pic itself failed",
  BreakerOpen: "the brain did not answer before and is given time",
  Unknown: "an unknown failure"
}

/**
 * The one table: failure class x fail mode -> outcome, for enforced calls. Every class follows the mode, security failures
 * included: an attacker who can corrupt messages can also drop them, so an exception for some class protects nothing, and
 * would make `open` or `closed` a promise with holes.
 */
export const enforced: Readonly<Record<FailureClass, Readonly<Record<FailMode, FailOutcome>>>> = perClass((failure) =>
  perMode((mode) =>
    mode === "open"
      ? { action: "allow", source: "fail_open", reason: `${failure}: ${failureText[failure]}; fail mode open` }
      : { action: "block", source: "fail_closed", reason: `${failure}: ${failureText[failure]}; fail mode closed` }
  )
)

/** Calls that are only observed, and subjects outside the enforced percentage, always run. */
export const observed: Readonly<Record<FailureClass, FailOutcome>> = perClass((failure) => ({
  action: "allow",
  source: "observe",
  reason: `${failure}: ${failureText[failure]}; not enforced`
}))

/** Enforced calls in mode open once the budget for failing open is spent: the last verdict on the function stands. */
export const lastKnown: Readonly<Record<FailureClass, Readonly<Record<Action, FailOutcome>>>> = perClass((failure) => ({
  allow: {
    action: "allow",
    source: "last_known_good",
    reason: `${failure}: ${failureText[failure]}; fail-open budget spent, last verdict allowed`
  },
  block: {
    action: "block",
    source: "last_known_good",
    reason: `${failure}: ${failureText[failure]}; fail-open budget spent, last verdict blocked`
  }
}))

/** The same where the brain has not judged the function lately: closed. */
export const overBudget: Readonly<Record<FailureClass, FailOutcome>> = perClass((failure) => ({
  action: "block",
  source: "fail_closed",
  reason: `${failure}: ${failureText[failure]}; fail-open budget spent, no last verdict`
}))

/** The outcome for a call, before any budget. */
export const lookup = (failure: FailureClass, mode: FailMode, isEnforced: boolean): FailOutcome =>
  isEnforced ? enforced[failure][mode] : observed[failure]

function perClass<A>(make: (failure: FailureClass) => A): Readonly<Record<FailureClass, A>> {
  return Object.freeze(Object.fromEntries(FailureClass.literals.map((f) => [f, make(f)]))) as Readonly<
    Record<FailureClass, A>
  >
}

function perMode<A>(make: (mode: FailMode) => A): Readonly<Record<FailMode, A>> {
  return Object.freeze(Object.fromEntries(FailMode.literals.map((m) => [m, make(m)]))) as Readonly<Record<FailMode, A>>
}
