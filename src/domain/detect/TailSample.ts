import type { Reader, Writer } from "./Bytes.ts"

const sampleMin = 32
/** Fewest values before a tail says anything. */
const ready = 8
/** Share of the sample above which the tail is fitted. */
const tailShare = 0.1
const tailMin = 8
/** Smallest p-value that an extrapolated tail claims: beyond it there is no more evidence, only arithmetic. */
const evidenceMax = 12

/** How a sample is used. */
export interface TailOptions {
  /** Most values kept. */
  readonly capacity: number
  /** Share of all values pushed, the newest, that stands for normal: 0.25 where a model behind them was still learning. */
  readonly share: number
  /** Smallest scale of the fitted tail, in units of the value: what a change must exceed to count at all. */
  readonly scaleMin: number
}

/**
 * A bounded sample of the newest values, and how improbable a value is above or below it, in decades: 3 means one in a
 * thousand. Inside the sample the answer is the rank (0 up to the middle); beyond its outer tenth it is an exponential tail fitted to the
 * mean excess of k values, whose predictive distribution is a generalised Pareto tail with shape 1/k (Pickands 1975;
 * Davison and Smith 1990): the fewer values it rests on, the more slowly it falls.
 */
export class TailSample {
  readonly #options: TailOptions
  #ring = new Float32Array(sampleMin)
  #count = 0
  #sorted = new Float32Array(0)
  #refreshAt = ready
  #frozen = false
  #high = 0
  #highScale = 1
  #low = 0
  #middle = 0
  #lowScale = 1

  constructor(options: TailOptions) {
    this.#options = options
  }

  /** Values pushed in all. */
  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#ring.byteLength + this.#sorted.byteLength + 96
  }

  /** Adds a value, unless the sample is frozen. */
  push(value: number): void {
    if (this.#frozen) return
    const capacity = this.#options.capacity
    if (this.#count >= this.#ring.length && this.#ring.length < capacity) {
      const grown = new Float32Array(Math.min(this.#ring.length * 2, capacity))
      grown.set(this.#ring)
      this.#ring = grown
    }
    this.#ring[this.#count % this.#ring.length] = value
    this.#count++
    if (this.#count >= this.#refreshAt) this.#refresh()
  }

  /** Ends learning: the newest share is what is normal from now on. */
  freeze(): void {
    if (this.#frozen) return
    this.#refresh()
    this.#frozen = true
    this.#ring = new Float32Array(0)
  }

  #refresh(): void {
    const kept = Math.min(this.#count, this.#ring.length)
    const wanted = Math.max(Math.ceil(this.#count * this.#options.share), Math.min(kept, 16))
    const size = Math.min(kept, wanted)
    const sorted = new Float32Array(size)
    for (let i = 0; i < size; i++) sorted[i] = this.#ring[(this.#count - 1 - i) % this.#ring.length]!
    this.#sorted = sorted.toSorted()
    this.#refreshAt = this.#count + Math.max(4, this.#count >> 2)
    this.#fit()
  }

  #fit(): void {
    const sorted = this.#sorted
    const size = sorted.length
    if (size === 0) return
    const tail = Math.min(size, Math.max(tailMin, Math.floor(size * tailShare)))
    let above = 0
    let below = 0
    const high = sorted[size - tail]!
    const low = sorted[tail - 1]!
    for (let i = 0; i < tail; i++) {
      above += sorted[size - 1 - i]! - high
      below += low - sorted[i]!
    }
    const scaleMin = this.#options.scaleMin
    this.#middle = sorted[size >> 1]!
    this.#high = high
    this.#low = low
    this.#highScale = Math.max(scaleMin, above / tail)
    this.#lowScale = Math.max(scaleMin, below / tail)
  }

  /** Decades of evidence that a normal value is at least this large; 0 while too little is known. */
  above(value: number): number {
    const size = this.#sorted.length
    if (size < ready) return 0
    if (value <= this.#middle) return 0
    const excess = value - this.#high
    if (excess <= 0) return rankEvidence(size - this.#countBelow(value), size)
    return decades(excess / this.#highScale, size)
  }

  /** Decades of evidence that a normal value is at most this large. */
  below(value: number): number {
    const size = this.#sorted.length
    if (size < ready) return 0
    if (value >= this.#middle) return 0
    const excess = this.#low - value
    if (excess <= 0) return rankEvidence(this.#countUpTo(value), size)
    return decades(excess / this.#lowScale, size)
  }

  /** Number of sample values below `value` (binary search). */
  #countBelow(value: number): number {
    const sorted = this.#sorted
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]! < value) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Number of sample values up to and including `value`. */
  #countUpTo(value: number): number {
    const sorted = this.#sorted
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]! <= value) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The sample value at a fraction of the order, for explanations. */
  quantile(fraction: number): number {
    const sorted = this.#sorted
    return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))]!
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.u32(this.#refreshAt)
    writer.u32(this.#frozen ? 1 : 0)
    writer.floats(this.#ring)
    writer.floats(this.#sorted)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#refreshAt = reader.u32()
    this.#frozen = reader.u32() === 1
    this.#ring = Float32Array.from(reader.floats())
    this.#sorted = Float32Array.from(reader.floats())
    if (!this.#frozen && this.#ring.length === 0) reader.refuse("tail sample")
    this.#fit()
  }
}

/** Decades of (count + 1) / (size + 1); only the outer half is asked for, what is ordinary speaks for nothing. */
const rankEvidence = (count: number, size: number): number => Math.log10((size + 1) / (count + 1))

const decades = (excess: number, size: number): number => {
  const tail = Math.min(size, Math.max(tailMin, Math.floor(size * tailShare)))
  return Math.min(evidenceMax, -Math.log10((tail + 1) / (size + 1)) + tail * Math.LOG10E * Math.log1p(excess / tail))
}
