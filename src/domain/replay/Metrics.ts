/**
 * Ranking measures over scores that grow with suspicion. All of them take sorted scores (ascending) of the normal and of
 * the attack lines, and answer `null` where one of the two is missing: there is nothing to measure then.
 */

/** Number of values below `score`, and number of values at or below it. */
const ranksOf = (sorted: Float64Array, score: number): readonly [below: number, upTo: number] => {
  const search = (isBefore: (value: number) => boolean): number => {
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(sorted[middle]!)) low = middle + 1
      else high = middle
    }
    return low
  }
  return [search((value) => value < score), search((value) => value <= score)]
}

/**
 * Area under the ROC curve: the probability that an attack scores above a normal line, a tie counting one half.
 *
 * Source: Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the other"
 * (1947); Hanley and McNeil, "The meaning and use of the area under a ROC curve" (1982).
 */
export const auroc = (normal: Float64Array, attack: Float64Array): number | null => {
  if (normal.length === 0 || attack.length === 0) return null
  let wins = 0
  for (const score of attack) {
    const [below, upTo] = ranksOf(normal, score)
    wins += (below + upTo) / 2
  }
  return wins / (normal.length * attack.length)
}

/** Slack for rounding: 0.29 * 100 is 28.999999999999996, and means 29. */
const countSlack = 1e-9

/**
 * True-positive rate at a false-positive rate: the share of attacks above the score that at most
 * `floor(fpr * normals)` normal lines exceed. An attack that ties with the next normal line does not count, so the measure
 * never profits from ties.
 */
export const tprAt = (normal: Float64Array, attack: Float64Array, fpr: number): number | null => {
  if (normal.length === 0 || attack.length === 0) return null
  const allowed = Math.floor(fpr * normal.length + countSlack)
  if (allowed >= normal.length) return 1
  const limit = normal[normal.length - 1 - allowed]!
  return (attack.length - ranksOf(attack, limit)[1]) / attack.length
}

/** A point of the ROC curve. */
export interface RocPoint {
  readonly fpr: number
  readonly tpr: number
}

/** The ROC curve from (0, 0) to (1, 1), one point per distinct score, thinned evenly to about `pointsMax`. */
export const rocCurve = (
  normal: Float64Array,
  attack: Float64Array,
  pointsMax: number
): ReadonlyArray<RocPoint> => {
  if (normal.length === 0 || attack.length === 0) return []
  const points: Array<RocPoint> = [{ fpr: 0, tpr: 0 }]
  let n = normal.length
  let a = attack.length
  while (n > 0 || a > 0) {
    const score = Math.max(n > 0 ? normal[n - 1]! : -Infinity, a > 0 ? attack[a - 1]! : -Infinity)
    while (n > 0 && normal[n - 1] === score) n--
    while (a > 0 && attack[a - 1] === score) a--
    points.push({ fpr: 1 - n / normal.length, tpr: 1 - a / attack.length })
  }
  if (points.length <= pointsMax) return points
  const step = (points.length - 1) / (pointsMax - 1)
  return Array.from({ length: pointsMax }, (_, i) => points[Math.round(i * step)]!)
}

/** How many values fall into each of `bins` equal parts of [0, `max`]; larger ones count in the last. */
export const histogram = (values: Float64Array, bins: number, max: number): ReadonlyArray<number> => {
  const counts = Array.from({ length: bins }, () => 0)
  for (const value of values) {
    const bin = max > 0 ? Math.min(bins - 1, Math.max(0, Math.floor(value / max * bins))) : 0
    counts[bin] = counts[bin]! + 1
  }
  return counts
}
