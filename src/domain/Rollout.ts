import type { Settings } from "./Settings.ts"

/** A point in [0, 100) that stays the same for a subject: a keyed hash, so that nobody outside can choose it. */
export const position = (keyedHash: number): number => (keyedHash >>> 0) / 0x1_0000_0000 * 100

/**
 * Whether a call is enforced. `bucket` is `position(hash)` of its subject, else of its session; a call with neither
 * (`undefined`) is inside every percentage.
 */
export const isEnforced = (rollout: Settings["rollout"], bucket: number | undefined): boolean =>
  rollout.mode === "enforce" && (bucket === undefined ? rollout.percent > 0 : bucket < rollout.percent)
