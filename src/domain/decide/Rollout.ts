import type { Settings } from "../settings/Settings.ts"

/** How a keyed 32-bit hash of a subject travels in events: base 36; empty where there is no subject. */
export const subjectHash = (keyedHash: number): string => (keyedHash >>> 0).toString(36)

/**
 * A point in [0, 100) that stays the same for a subject; it comes from a keyed hash, so that nobody outside can choose
 * it. `undefined` for a call that has no subject.
 */
export const positionOf = (hash: string): number | undefined =>
  hash === "" ? undefined : Number.parseInt(hash, 36) / 0x1_0000_0000 * 100

/** Whether a call is enforced. A call without subject is inside every percentage above 0. */
export const isEnforced = (rollout: Settings["rollout"], position: number | undefined): boolean =>
  rollout.mode === "enforce" && (position === undefined ? rollout.percent > 0 : position < rollout.percent)
