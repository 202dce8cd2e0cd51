/** Seconds over which rates are taken: short enough to follow a change, long enough not to jump. */
export const rateSeconds = 10

interface Mark {
  readonly at: number
  readonly values: ReadonlyArray<number>
}

/** Rates per second of growing counters, from marks taken about once a second. */
export class Rates {
  #marks: Array<Mark>

  constructor(now: number, values: ReadonlyArray<number>) {
    this.#marks = [{ at: now, values }]
  }

  /** Remembers the counters at `now` (ms) and forgets marks that are no longer needed. */
  mark(now: number, values: ReadonlyArray<number>): void {
    const last = this.#marks.at(-1)!
    if (now <= last.at) return
    this.#marks.push({ at: now, values })
    const from = now - rateSeconds * 1000
    while (this.#marks.length > 2 && this.#marks[1]!.at <= from) this.#marks.shift()
  }

  /** Growth per second of counter `index`, which is `value` at `now`, over the last ten seconds or since the start. */
  rate(index: number, value: number, now: number): number {
    const first = this.#marks.find((m) => m.at >= now - rateSeconds * 1000) ?? this.#marks.at(-1)!
    // A rate over less than a second would multiply a handful of events.
    return Math.max(0, value - first.values[index]!) * 1000 / Math.max(1000, now - first.at)
  }
}
