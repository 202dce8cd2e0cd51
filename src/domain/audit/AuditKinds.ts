/**
 * What a record can be evidence of. Append only: old logs name these kinds for ever.
 *
 * `allow_summary` stands for the allowed calls of one function in one second; `loss` is a gap record: what was dropped,
 * and how often.
 */
export const auditKinds = [
  "start",
  "stop",
  "block",
  "would_block",
  "allow",
  "allow_summary",
  "violation",
  "key",
  "config",
  "mode",
  "rollout",
  "operator",
  "loss",
  "health"
] as const

const known: ReadonlySet<string> = new Set(auditKinds)

/** Whether a stored kind is one that this version knows. */
export const isAuditKind = (kind: string): kind is (typeof auditKinds)[number] => known.has(kind)
