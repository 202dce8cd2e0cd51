import * as Schema from "effect/Schema"

/** Why no verdict could be had from the brain. */
export const FailureClass = Schema.Literals([
  "Timeout",
  "Refused",
  "Partition",
  "Overload",
  "BadSignature",
  "Stale",
  "Defect",
  "BreakerOpen",
  "Unknown"
])
export type FailureClass = typeof FailureClass.Type

/** What happens to an enforced call when no verdict can be had. */
export const FailMode = Schema.Literals(["open", "closed"])
export type FailMode = typeof FailMode.Type
