import type { Reader, Writer } from "./Bytes.ts"
import type { Findings } from "./Findings.ts"
import { TailSample } from "./TailSample.ts"

/** Lengths of the windows in which calls are counted, in ms: a burst shows in the first, a siege in the last. */
const windows = [1000, 5000, 20_000] as const
const slots = 10
/** Real arrivals come in clusters, so the largest count seen so far is soon passed; only a multiple of it says something. */
const margin = 1.5

/**
 * Calls per 1, 5 and 20 s against the empirical counts while learning. One value is learned per slot of time, not per
 * call: the calls of one burst are one observation, not hundreds (the extremal-index problem of clustered extremes:
 * Leadbetter 1983). No distribution is assumed: real arrivals are nothing like Poisson.
 */
export class RateModel {
  readonly #counts = new Uint32Array(windows.length * slots)
  readonly #slots = new Float64Array(windows.length)
  readonly #totals = new Uint32Array(windows.length)
  readonly #peaks = new Uint32Array(windows.length)
  readonly #tails = windows.map(() => new TailSample({ capacity: 512, share: 1, scaleMin: 0.1 }))

  get bytes(): number {
    return this.#tails.reduce((sum, tail) => sum + tail.bytes, 512)
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
      const evidence = tail.above(Math.log(this.#totals[w]! / margin))
      if (evidence > most) most = evidence
      if (findings !== undefined) {
        const seconds = windows[w]! / 1000
        const usual = Math.round(Math.exp(tail.quantile(1)))
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
    writer.words(this.#counts)
    writer.floats(this.#slots)
    writer.words(this.#totals)
    writer.words(this.#peaks)
    for (const tail of this.#tails) tail.write(writer)
  }

  read(reader: Reader): void {
    const fill = <A extends { readonly length: number }>(target: A & { set: (from: A) => void }, from: A) => {
      if (target.length !== from.length) reader.refuse("rate model")
      target.set(from)
    }
    fill(this.#counts, reader.words())
    fill(this.#slots, reader.floats())
    fill(this.#totals, reader.words())
    fill(this.#peaks, reader.words())
    for (const tail of this.#tails) tail.read(reader)
  }
}
