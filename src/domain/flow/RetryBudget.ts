/** Retries allowed per call on average: in an outage retries add at most a tenth to the load. */
export const retriesPerCall = 0.1
/** Credit at the start and at most: lets a quiet application retry at all, and bounds a burst of retries. */
export const creditMax = 10

/**
 * Pays for retries out of traffic: each call adds a tenth of a retry, each retry takes one. So over any stretch of time
 * `retries <= 0.1 * calls + 10`, whatever fails.
 */
export class RetryBudget {
  #credit = creditMax

  /** A call was made for the first time. */
  deposit(): void {
    if (this.#credit < creditMax) this.#credit = Math.min(creditMax, this.#credit + retriesPerCall)
  }

  /** Whether one retry may be made; takes its price. */
  withdraw(): boolean {
    // The sum of ten tenths is a little less than one.
    if (this.#credit < 1 - 1e-9) return false
    this.#credit = Math.max(0, this.#credit - 1)
    return true
  }
}

/** The delay before attempt `attempt` (1 is the first retry): exponential, jittered over its upper half. `random` is in [0, 1). */
export const backoffMs = (baseMs: number, attempt: number, random: number, maxMs: number): number =>
  Math.min(maxMs, baseMs * 2 ** (attempt - 1)) * (0.5 + random / 2)
