import type { AuditBody } from "../audit/AuditRecord.ts"
import type { Decision } from "../Decision.ts"
import type { TelemetryEvent } from "../TelemetryEvent.ts"

/** The content of the evidence on one judged call: what was decided, about whom, and why. No raw argument. */
export const blockEvidence = (event: TelemetryEvent, decision: Decision): AuditBody => ({
  decisionId: decision.id,
  eventId: event.id,
  fn: event.fn,
  agentId: event.agentId,
  session: event.session,
  subject: event.subjectHash,
  at: event.timestamp,
  action: decision.action,
  source: decision.source,
  reason: decision.reason,
  pValue: decision.pValue,
  wouldBlock: decision.wouldBlock,
  findings: decision.findings.map(({ detector, expected, pValue, path, seen }) => ({
    detector,
    path,
    expected,
    seen,
    pValue
  }))
})
