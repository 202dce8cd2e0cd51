import type { ScoreSample, Tail } from "./Calibration.ts"

/** Own calibration points from which a function's own tail has a say beside the pooled one. */
const ownMin = 16
/**
 * Decades by which a score must pass those of the sample to rank above them. They were given while the models still
 * learned; settled models give the same call a slightly different score, and where many calls are alike, all of them
 * would pass the largest score of the sample together.
 */
const rankSlack = 0.1

/** A p-value, and the number of calls that it rests on. */
export interface RankedTail extends Tail {
  readonly points: number
}

/**
 * The p-value of a score among those that normal calls of the function had, `own`, and among those of all functions,
 * `pool`: as long as the own ones are fewer than `needed` the more lenient answer counts.
 */
export const rankedTail = (
  own: ScoreSample | undefined,
  pool: ScoreSample | undefined,
  needed: number,
  score: number
): RankedTail => {
  const points = own?.size ?? 0
  const alone = own === undefined || points === 0 ? untested : within(own, score)
  if (pool === undefined || points >= needed || pool.size <= points) return alone
  const pooled = within(pool, score)
  return points >= ownMin && alone.p > pooled.p ? alone : pooled
}

/**
 * A rank is a count of few: that of the calls that scored higher. It is taken one standard error higher (the square root
 * of a count: Poisson), because a budget kept on average over many functions is little comfort to the one whose sample
 * happened to miss what comes next. The extrapolated tail knows how little it rests on.
 */
const within = (sample: ScoreSample, score: number): RankedTail => {
  const { extrapolated, p } = sample.tail(score - rankSlack)
  const count = p * (sample.size + 1)
  const careful = extrapolated ? p : Math.min(1, p + Math.sqrt(count) / (sample.size + 1))
  // A score is itself decades of evidence: whatever the ranks say, a call that nothing speaks against is no alarm.
  return { p: Math.max(10 ** (-2 * score), careful), extrapolated, points: sample.size }
}

const untested: RankedTail = { p: 1, extrapolated: false, points: 0 }

/**
 * The p-value of a part that has a `share` of the budget of its own (Šidák 1967): p / share where it is small, and 1 only
 * where p is.
 */
export const withinShare = (p: number, share: number): number => p >= 1 ? 1 : -Math.expm1(Math.log1p(-p) / share)
