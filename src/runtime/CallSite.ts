import { Anomalous, CallBlocked, FailedClosed, Throttled } from "../domain/CallBlocked.ts"
import type { Decision } from "../domain/Decision.ts"
import type { FailMode } from "../domain/FailureClass.ts"
import { functionNameLengthMax, type Priority } from "../domain/TelemetryEvent.ts"
import type { CallSite } from "../services/CellAgent.ts"

/** How one wrapped function is to be judged. */
export interface WrapOptions<Args extends ReadonlyArray<unknown>> {
  /** What a full queue drops first. Default `normal`. */
  readonly priority?: Priority | undefined
  /** Who is calling, from the arguments; only a keyed hash of it leaves the agent. */
  readonly subject?: ((...args: Args) => string | undefined) | undefined
  /** Paths of arguments that are not described beyond being there: `"1"`, `"0.card.number"`. */
  readonly redact?: ReadonlyArray<string> | undefined
  /** Overrides `cellagent.fail_mode` for this function. */
  readonly failMode?: FailMode | undefined
}

/** Makes the call site of a wrapped function; refuses a name that could not be one. */
export const make = <Args extends ReadonlyArray<unknown>>(
  name: string,
  arity: number,
  options: WrapOptions<Args> | undefined
): CallSite => {
  if (name.length === 0 || name.length > functionNameLengthMax) {
    throw new RangeError(
      `the name of a wrapped function must have 1 to ${functionNameLengthMax} characters, got ${name.length}`
    )
  }
  const subject = options?.subject
  return {
    fn: name,
    arity,
    priority: options?.priority ?? "normal",
    failMode: options?.failMode,
    redact: options?.redact === undefined ? undefined : new Set(options.redact),
    // The arguments are those of the wrapped function, which has the same parameters as `subject`.
    subject: subject === undefined ? undefined : (args) => subject(...(args as Args))
  }
}

/** The typed error of a blocked call. */
export const blocked = (site: CallSite, decision: Decision): CallBlocked =>
  new CallBlocked({ fn: site.fn, decisionId: decision.id, reason: reasonOf(decision) })

/** The typed error of a call that found no brain while failing closed. */
export const failedClosed = (site: CallSite): CallBlocked =>
  new CallBlocked({ fn: site.fn, decisionId: "", reason: new FailedClosed() })

const reasonOf = (decision: Decision) => {
  switch (decision.source) {
    case "throttled":
      return new Throttled()
    case "fail_closed":
      return new FailedClosed()
    default:
      return new Anomalous()
  }
}

/** The name of a failure that may leave the agent: its tag or constructor, never its message. */
export const tagOf = (error: unknown): string => {
  try {
    if (typeof error !== "object" || error === null) return typeof error
    const tag = "_tag" in error ? error._tag : error.constructor?.name
    return typeof tag === "string" ? tag.slice(0, 64) : "object"
  } catch {
    return "opaque"
  }
}
