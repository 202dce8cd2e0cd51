import type { Reader, Writer } from "./Bytes.ts"
import { Extremes } from "./Extremes.ts"
import type { Findings } from "./Findings.ts"

/** Lengths of the windows in which calls are counted, in ms: a burst shows in the first, a siege in the last. */
const windows = [1000, 5000, 20_000] as const
const slots = 10
/** Real arrivals come in clusters, so the largest count seen so far is soon passed; only a multiple of it says something. */
const margin = 1.5
/** Smallest excess of a count that means anything, on a log scale. */
const scaleMin = 0.1
const zeros = (length: number): Array<number> => Array.from({ length }, () => 0)

/**
 * Calls per 1, 5 and 20 s against the empirical counts while learning. One value is learned per slot of time, not per
 * call: the calls of one burst are one observation, not hundreds (the extremal-index problem of clustered extremes:
 * Leadbetter 1983). No distribution is assumed: real arrivals are nothing like Poisson.
 */
export class RateModel {
  readonly #counts = zeros(windows.length * slots)
  readonly #slots = zeros(windows.length)
  readonly #totals = zeros(windows.length)
  readonly #peaks = zeros(windows.length)
  readonly #tails = windows.map(() => new Extremes())

  get bytes(): number {
    return 8 * (slots + 3) * windows.length + 128 * windows.length
  }

  /** Counts a call at `now` (epoch ms); 0 means that its time is unknown, and it is not counted. */
  count(now: number): void {
    if (!(now > 0)) return
    for (let w = 0; w < windows.length; w++) {
      const slot = Math.floor(now / (windows[w]! / slots))
      const passed = slot - this.#slots[w]!
      if (passed > 0) this.#advance(w, slot, passed)
      const at = w * slots + (this.#slots[w]! % slots)
      this.#counts[at] = this.#counts[at]! + 1
      const total = this.#totals[w] = this.#totals[w]! + 1
      if (total > this.#peaks[w]!) this.#peaks[w] = total
    }
  }

  /** Moves a window on; the peak of the slot that ended is learned. */
  #advance(w: number, slot: number, passed: number): void {
    if (this.#peaks[w]! > 0) this.#tails[w]!.push(Math.log(this.#peaks[w]!))
    const base = w * slots
    if (passed >= slots) {
      this.#counts.fill(0, base, base + slots)
      this.#totals[w] = 0
    } else {
      for (let i = 1; i <= passed; i++) {
        const at = base + ((this.#slots[w]! + i) % slots)
        this.#totals[w] = this.#totals[w]! - this.#counts[at]!
        this.#counts[at] = 0
      }
    }
    this.#slots[w] = slot
    this.#peaks[w] = 0
  }

  /** Decades of evidence in the present rate. */
  evidence(now: number, findings: Findings | undefined): number {
    if (!(now > 0)) return 0
    let most = 0
    for (let w = 0; w < windows.length; w++) {
      const tail = this.#tails[w]!
      const evidence = this.#totals[w]! < 2 ? 0 : tail.above(Math.log(this.#totals[w]! / margin), scaleMin)
      if (evidence > most) most = evidence
      if (findings !== undefined) {
        const seconds = windows[w]! / 1000
        const usual = Math.round(Math.exp(tail.largest))
        findings.add(
          "rate",
          "",
          evidence,
          `up to ${usual} calls in ${seconds} s`,
          `${this.#totals[w]} calls in ${seconds} s`
        )
      }
    }
    return most
  }

  freeze(): void {
    for (const tail of this.#tails) tail.freeze()
  }

  write(writer: Writer): void {
    for (const part of [this.#counts, this.#slots, this.#totals, this.#peaks]) writer.floats(part)
    for (const tail of this.#tails) tail.write(writer)
  }

  read(reader: Reader): void {
    for (const part of [this.#counts, this.#slots, this.#totals, this.#peaks]) {
      const values = reader.floats()
      if (values.length !== part.length) reader.refuse("rate model")
      values.forEach((value, i) => {
        part[i] = value
      })
    }
    for (const tail of this.#tails) tail.read(reader)
  }
}
