import * as Schema from "effect/Schema"

/** What an operator should know at once. */
export const AlertKind = Schema.Literals([
  "security_violation",
  "key_failure",
  "degraded",
  "not_protecting",
  "review",
  "audit_failure",
  "state_refused"
])
export type AlertKind = typeof AlertKind.Type

/** An alert: its kind, when (epoch ms), and a message that says what to do. Never a secret or a raw argument. */
export const Alert = Schema.Struct({
  kind: AlertKind,
  timestamp: Schema.Finite,
  message: Schema.String
})
export type Alert = typeof Alert.Type
