import { Xoshiro128 } from "./Xoshiro128.ts"

/** What can go wrong with a message, in the order in which probabilities are laid side by side. */
export const chaosFaults = ["drop", "delay", "duplicate", "reorder", "corruptRequest", "corruptReply", "fail"] as const
export type ChaosFault = (typeof chaosFaults)[number]

/** How often each fault happens, as probabilities per message that add up to at most 1. Absent ones never happen. */
export type ChaosOptions = { readonly [F in ChaosFault]?: number | undefined } & {
  /** The same seed gives the same faults. */
  readonly seed: number
  /** Longest delay, in ms. */
  readonly delayMsMax?: number | undefined
  /** The kind that the wrapped link shows; that of the inner link where absent. */
  readonly kind?: string | undefined
}

const delayMsMaxDefault = 100

/** A reproducible sequence of faults, counted as they fire. */
export class ChaosPlan {
  #options: Omit<ChaosOptions, "seed">
  readonly #draw: Xoshiro128
  readonly #fired: Record<ChaosFault | "none", number> = {
    none: 0,
    drop: 0,
    delay: 0,
    duplicate: 0,
    reorder: 0,
    corruptRequest: 0,
    corruptReply: 0,
    fail: 0
  }

  constructor(options: ChaosOptions) {
    this.#options = validated(options)
    this.#draw = new Xoshiro128(seeded(options.seed))
  }

  /** Changes the probabilities from the next message on. */
  set(options: Omit<ChaosOptions, "seed">): void {
    this.#options = validated(options)
  }

  /** The fault of the next message, if any. */
  next(): ChaosFault | undefined {
    const at = this.#draw.next()
    let below = 0
    for (const fault of chaosFaults) {
      below += this.#options[fault] ?? 0
      if (at < below) {
        this.#fired[fault]++
        return fault
      }
    }
    this.#fired.none++
    return undefined
  }

  delayMs(): number {
    return this.#draw.next() * (this.#options.delayMsMax ?? delayMsMaxDefault)
  }

  /** An index below `count`. */
  pick(count: number): number {
    return Math.floor(this.#draw.next() * count)
  }

  /** A copy with one bit flipped. */
  flipBit(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice()
    if (copy.length > 0) copy[this.pick(copy.length)]! ^= 1 << this.pick(8)
    return copy
  }

  fired(): Readonly<Record<ChaosFault | "none", number>> {
    return { ...this.#fired }
  }
}

const validated = <A extends Omit<ChaosOptions, "seed">>(options: A): A => {
  let sum = 0
  for (const fault of chaosFaults) {
    const p = options[fault] ?? 0
    if (!(p >= 0 && p <= 1)) throw new RangeError(`${fault} must be a probability, got ${p}`)
    sum += p
  }
  if (sum > 1 + 1e-9) throw new RangeError(`probabilities must add up to at most 1, got ${sum}`)
  return options
}

/** Seed bytes from a counter that starts at the seed; splitmix32 spreads it (Steele, Lea and Flood, OOPSLA 2014). */
const seeded = (seed: number): (length: number) => Uint8Array => {
  let state = seed | 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      state = (state + 0x9e3779b9) | 0
      let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
      word ^= word >>> 15
      for (let j = 0; j < 4 && i + j < length; j++) bytes[i + j] = word >>> (8 * j)
    }
    return bytes
  }
}
