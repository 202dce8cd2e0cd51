/** Outcomes that the breaker looks back on. */
export const outcomesWindow = 20
/** Fewest outcomes from which a failure rate means something. */
export const outcomesMin = 5
/** Failure rate at which the breaker opens. */
export const failureRateMax = 0.5
/** How long the breaker stays open at first, in ms: about the time a restart takes at best. */
export const openMsMin = 250
/** How long it stays open at most: an operator who repaired the brain does not want to wait longer. */
export const openMsMax = 10_000

/** State of the breaker as it is reported. */
export type BreakerState = "closed" | "open" | "half-open"

/** What {@link CircuitBreaker.acquire} answers where the call must not be tried. A permit is never negative. */
export const refused = -1

/**
 * Stops asking a brain that does not answer, so that a call costs microseconds instead of a timeout.
 *
 * Every permit carries the generation of the state in which it was given. A result that comes back with the permit of an
 * earlier state is ignored: a call that hung since before the brain recovered cannot open the breaker again, and a success
 * that started before it opened cannot close it. Half open, one probe at a time is let through however many wait.
 */
export class CircuitBreaker {
  #state: BreakerState = "closed"
  #generation = 0
  #openUntil = 0
  #openMs = openMsMin
  #probing = false
  #outcomes = 0
  #failures = 0
  #history = 0

  /** The state at `now`: open turns half-open by time. */
  state(now: number): BreakerState {
    return this.#state === "open" && now >= this.#openUntil ? "half-open" : this.#state
  }

  /** When the next probe is allowed, in the time of `now`; 0 while closed. */
  get openUntil(): number {
    return this.#state === "closed" ? 0 : this.#openUntil
  }

  /** A permit for one attempt at `now`, or {@link refused}. Every permit must come back by one of the three below. */
  acquire(now: number): number {
    if (this.#state === "closed") return this.#generation
    if (this.#state === "open") {
      if (now < this.#openUntil) return refused
      this.#enter("half-open")
    }
    if (this.#probing) return refused
    this.#probing = true
    return this.#generation
  }

  /** The brain answered. Returns whether this closed the breaker. */
  success(permit: number): boolean {
    if (permit !== this.#generation) return false
    if (this.#state === "half-open") {
      this.#openMs = openMsMin
      this.#enter("closed")
      return true
    }
    this.#record(0)
    return false
  }

  /** The brain did not answer. Returns whether this opened the breaker. */
  failure(permit: number, now: number): boolean {
    if (permit !== this.#generation) return false
    if (this.#state === "half-open") {
      this.#openMs = Math.min(openMsMax, this.#openMs * 2)
      this.#open(now)
      return true
    }
    this.#record(1)
    if (this.#outcomes < outcomesMin || this.#failures < failureRateMax * this.#outcomes) return false
    this.#open(now)
    return true
  }

  /** The attempt ended without telling anything about the brain: interrupted, or refused for a reason of its own. */
  abandon(permit: number): void {
    if (permit === this.#generation) this.#probing = false
  }

  #open(now: number): void {
    this.#enter("open")
    this.#openUntil = now + this.#openMs
  }

  #enter(state: BreakerState): void {
    this.#state = state
    this.#generation++
    this.#probing = false
    this.#outcomes = 0
    this.#failures = 0
    this.#history = 0
  }

  /** Keeps the last outcomes as bits, the newest lowest. */
  #record(failed: 0 | 1): void {
    const oldest = this.#outcomes === outcomesWindow ? (this.#history >>> (outcomesWindow - 1)) & 1 : 0
    if (this.#outcomes < outcomesWindow) this.#outcomes++
    this.#failures += failed - oldest
    this.#history = ((this.#history << 1) | failed) & ((1 << outcomesWindow) - 1)
  }
}
