import type { Finding } from "./Decision.ts"

/** How far the baseline of a function is: only `ready` functions are judged. */
export type LearningState = "learning" | "calibrating" | "ready"

/** The detector's answer on one event. `score` grows with surprise; `pValue` is its calibrated tail probability. */
export interface Assessment {
  readonly state: LearningState
  readonly score: number
  readonly pValue: number
  readonly findings: ReadonlyArray<Finding>
}

/** The assessment of an event that cannot be judged yet. */
export const unjudged = (state: LearningState): Assessment => ({ state, score: 0, pValue: 1, findings: [] })
