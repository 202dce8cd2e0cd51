/** Calls over which the share is averaged: it begins at 0, so one odd call among the first few is no share. */
const horizon = 256
/** A share from which on it is no longer chance, whatever the budget: one call in ten. */
const remarkable = 0.1
/** A share below which an episode is over, so that the next one is told again. */
const over = remarkable / 2

/**
 * The share of the recent calls of a function that looked anomalous. A budget of one in a thousand that is passed a
 * hundred times over is no false alarm: the function is under attack, or a release has changed it. Both need an operator,
 * once per episode.
 */
export class AnomalyShare {
  #share = 0
  #told = false

  /** The share, 0..1. */
  get value(): number {
    return this.#share
  }

  /** Notes a judged call. */
  push(anomalous: boolean): void {
    this.#share += ((anomalous ? 1 : 0) - this.#share) / horizon
    if (this.#share < over) this.#told = false
  }

  /**
   * Whether no more calls look anomalous than a budget explains: the expected number within the horizon, two standard
   * deviations, and one.
   */
  quiet(budget: number): boolean {
    const expected = budget * horizon
    return this.#share * horizon <= expected + 2 * Math.sqrt(expected) + 1
  }

  /** Whether an operator should look at it now: true once per episode. */
  takeReview(): boolean {
    if (this.#told || this.#share < remarkable) return false
    return this.#told = true
  }
}
