import type { Bucket } from "../flow/Accounting.ts"
import type { Assessment } from "../Assessment.ts"
import { FailureClass } from "../FailureClass.ts"
import { type Decision, type Finding, findingsMax } from "../Decision.ts"

/** Whether a judged event falls under the false-positive budget. */
export const isAnomalous = (assessment: Assessment, falsePositiveRate: number): boolean =>
  assessment.state === "ready" && assessment.pValue < falsePositiveRate

const noFindings: ReadonlyArray<Finding> = []

/** Turns an assessment into the decision on one event. Pure: the id is an argument. */
export const decide = (options: {
  readonly id: string
  readonly eventId: string
  readonly assessment: Assessment
  readonly falsePositiveRate: number
  readonly enforced: boolean
}): Decision => {
  const { assessment, enforced, eventId, id } = options
  if (assessment.state !== "ready") {
    return {
      id,
      eventId,
      action: "allow",
      source: "training",
      reason: assessment.state,
      confidence: 1,
      pValue: 1,
      findings: noFindings,
      wouldBlock: false
    }
  }
  const { pValue } = assessment
  const anomalous = isAnomalous(assessment, options.falsePositiveRate)
  return {
    id,
    eventId,
    action: anomalous && enforced ? "block" : "allow",
    source: enforced ? "brain" : "observe",
    reason: anomalous ? "anomalous" : "normal",
    confidence: anomalous ? 1 - pValue : Math.max(pValue, 1 - options.falsePositiveRate),
    pValue,
    findings: anomalous ? assessment.findings.slice(0, findingsMax) : noFindings,
    wouldBlock: anomalous
  }
}

/** A decision that no score stands behind: of the fail policy, of a limit, of a switch. */
export const unscored = (
  outcome: Pick<Decision, "action" | "source" | "reason">,
  id = "",
  eventId = ""
): Decision => ({
  id,
  eventId,
  action: outcome.action,
  source: outcome.source,
  reason: outcome.reason,
  confidence: 1,
  pValue: 1,
  findings: noFindings,
  wouldBlock: false
})

/** The answer to an observed event that got no verdict; the reason begins with the failure class. */
export const lost = (eventId: string, failure: "Overload" | "Defect"): Decision =>
  unscored({ action: "allow", source: "observe", reason: failure }, "", eventId)

const failureClasses: ReadonlySet<string> = new Set(FailureClass.literals)

/** The failure class that a decision's reason begins with, where it stands for a failure. */
const failureOf = ({ reason }: Decision): string | undefined => {
  const colon = reason.indexOf(":")
  const name = colon === -1 ? reason : reason.slice(0, colon)
  return failureClasses.has(name) ? name : undefined
}

/** The bucket of the accounting that a decided call belongs to. */
export const bucketOf = (decision: Decision): Bucket => {
  // Nearly all are verdicts of the brain, which stand for themselves.
  if (decision.source === "brain") return "analysed"
  const failure = failureOf(decision)
  if (failure !== undefined) return failure === "Overload" ? "shed" : "failed"
  switch (decision.source) {
    case "cache":
      return "cached"
    case "sampled_out":
      return "sampledOut"
    case "local":
    case "throttled":
      return "throttled"
    case "fail_open":
    case "fail_closed":
    case "last_known_good":
      return "failed"
    default:
      return "analysed"
  }
}

/** Whether the brain has written the evidence of a block; the agent writes that of its own blocks. */
export const hasEvidence = (decision: Decision): boolean =>
  decision.source === "brain" || decision.source === "local" || decision.source === "cache"

/** Whether a call was blocked for what it looked like, not for a failure or a limit: such a block has its evidence. */
export const isBlockedAttack = (decision: Decision): boolean => decision.action === "block" && hasEvidence(decision)
