/** Slots of a minute: counts are exact to one second, and err by counting a little too long. */
export const slots = 60

/** Counts events of the last minute, never too few: an event counts for 60 to 61 seconds. */
export class SlidingCount {
  readonly #counts = new Float64Array(slots + 1)
  #second = 0
  #total = 0

  /** Events of the last minute at `now` (ms). */
  total(now: number): number {
    this.#advance(now)
    return this.#total
  }

  /** Counts one event at `now`. */
  add(now: number): void {
    this.#advance(now)
    const at = this.#second % (slots + 1)
    this.#counts[at] = this.#counts[at]! + 1
    this.#total++
  }

  #advance(now: number): void {
    const second = Math.floor(now / 1000)
    const from = Math.max(this.#second + 1, second - slots)
    for (let s = from; s <= second; s++) {
      const at = s % (slots + 1)
      this.#total -= this.#counts[at]!
      this.#counts[at] = 0
    }
    if (second > this.#second) this.#second = second
  }
}
