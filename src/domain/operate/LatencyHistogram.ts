/** Ratio of neighbouring bucket bounds: a percentile is wrong by at most 1 %. */
export const growth = 1.02
/** Shortest time told apart, in ms. */
export const msMin = 0.0001
/** Longest time told apart, in ms; longer ones count as this. */
export const msMax = 600_000

const logGrowth = Math.log(growth)
const offset = Math.floor(Math.log(msMin) / logGrowth)
const buckets = Math.ceil(Math.log(msMax) / logGrowth) - offset + 1

/**
 * Times in logarithmic buckets: constant memory, a few nanoseconds per value, percentiles within 1 %.
 *
 * Source: Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees"
 * (VLDB 2019).
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(buckets)
  #count = 0
  #sum = 0

  get count(): number {
    return this.#count
  }

  /** Sum of all recorded times, in ms. */
  get sum(): number {
    return this.#sum
  }

  /** Records a time in ms. What is not a time (negative, NaN) counts as the shortest. */
  record(ms: number): void {
    const value = ms > msMin ? ms < msMax ? ms : msMax : msMin
    const index = Math.floor(Math.log(value) / logGrowth) - offset
    this.#counts[index] = this.#counts[index]! + 1
    this.#count++
    this.#sum += value
  }

  /** The time that the fraction `q` of all values does not exceed, in ms; 0 without values. */
  quantile(q: number): number {
    if (this.#count === 0) return 0
    const rank = Math.max(1, Math.ceil(Math.min(1, Math.max(0, q)) * this.#count))
    let seen = 0
    for (let i = 0; i < buckets; i++) {
      seen += this.#counts[i]!
      if (seen >= rank) return growth ** (i + offset + 0.5)
    }
    return msMax
  }

  /** How many values are at most each of the ascending `bounds` (in ms), to the width of a bucket. */
  cumulative(bounds: ReadonlyArray<number>): ReadonlyArray<number> {
    let seen = 0
    let i = 0
    return bounds.map((bound) => {
      while (i < buckets && growth ** (i + offset + 0.5) <= bound) seen += this.#counts[i++]!
      return seen
    })
  }
}
