/** The settings that the detector follows; they are read on each use. */
export interface DetectorSettings {
  /** The false-positive budget per call. */
  readonly falsePositiveRate: number
  /** Learned calls before a function is judged. */
  readonly minSamples: number
  readonly minSeconds: number
  readonly minSessions: number
  /** Functions remembered; the least recently used one goes. */
  readonly functionsMax: number
}

/**
 * Shares of the false-positive budget that order and drift add to it: they look at the same traffic over and over. Drift
 * gets more, because of a number its level often is all there is to judge; together they stay below the half by which
 * the budget may be missed.
 */
export const orderShare = 0.1
export const driftShare = 0.2
