import type { ScoreSample, Tail } from "./Calibration.ts"

/** Own calibration points from which a function's own tail has a say beside the pooled one. */
const ownMin = 16

/** A p-value, and the number of calls that it rests on. */
export interface RankedTail extends Tail {
  readonly points: number
}

/**
 * The p-value of a score among those that normal calls of the function had, `own`, and among those of all functions,
 * `pool`: while the own ones are fewer than `needed`, the more lenient answer counts.
 */
export const rankedTail = (
  own: ScoreSample | undefined,
  pool: ScoreSample | undefined,
  needed: number,
  score: number
): RankedTail => {
  // A score is itself decades of evidence: whatever the ranks say, a call that nothing speaks against is no alarm.
  const floor = 10 ** (-2 * score)
  const points = own?.size ?? 0
  const alone = own === undefined || points === 0 ? untested : within(own, score, floor)
  if (pool === undefined || points >= needed || pool.size <= points) return alone
  const pooled = within(pool, score, floor)
  return points >= ownMin && alone.p > pooled.p ? alone : pooled
}

const within = (sample: ScoreSample, score: number, floor: number): RankedTail => {
  const { extrapolated, p } = sample.tail(score)
  return { p: Math.max(floor, p), extrapolated, points: sample.size }
}

const untested: RankedTail = { p: 1, extrapolated: false, points: 0 }

/**
 * The p-value of a part that has a `share` of the budget of its own (Šidák 1967): p / share where it is small, and 1 only
 * where p is.
 */
export const withinShare = (p: number, share: number): number => p >= 1 ? 1 : -Math.expm1(Math.log1p(-p) / share)
