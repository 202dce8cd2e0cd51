import type { SettingKey } from "./SettingKeys.ts"

/** How the strength of a protection depends on a setting: which way weakens it, or the values from strong to weak. */
type Strength = "lower weakens" | "higher weakens" | ReadonlyArray<unknown>

const strengths: { readonly [K in SettingKey]?: Strength } = {
  "cellagent.enabled": [true, false],
  "cellagent.fail_mode": ["closed", "open"],
  "cellagent.over_limit": ["block", "score", "allow"],
  "cellagent.sampling_rate": "lower weakens",
  "cellagent.global_rate_limit": "lower weakens",
  "cellagent.per_function_limit": "lower weakens",
  "cellagent.throttle_threshold": "lower weakens",
  "brain.queue_size": "lower weakens",
  "brain.queue_bytes": "lower weakens",
  "brain.functions_max": "lower weakens",
  "brain.false_positive_rate": "lower weakens",
  "brain.cache_ttl_ms": "higher weakens",
  "crypto.rotation_days": "higher weakens",
  "crypto.nonce_expiry_seconds": "higher weakens",
  "rollout.mode": ["enforce", "observe"],
  "rollout.percent": "lower weakens",
  "audit.allows": ["every", "summary"],
  "audit.on_failure": ["block", "allow"],
  "audit.retention_days": "lower weakens"
}

/**
 * Whether moving a setting from one value to another weakens the protection. Where strength has no order (a path, a
 * learning threshold), every difference counts as weakening: a lock then means "exactly this".
 */
export const weakens = (key: SettingKey, from: unknown, to: unknown): boolean => {
  if (from === to) return false
  const strength = strengths[key]
  if (strength === undefined) return true
  if (typeof strength === "string") {
    if (typeof from !== "number" || typeof to !== "number") return true
    return strength === "lower weakens" ? to < from : to > from
  }
  return strength.indexOf(to) > strength.indexOf(from)
}
