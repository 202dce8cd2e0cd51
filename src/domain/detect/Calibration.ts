import type { Reader, Writer } from "./Bytes.ts"

/** Most scores kept; at the default false-positive budget of 1 in 1000 the largest two decide. */
const scoresMax = 2048
const scoresMin = 16
/** Scores are taken from the newest quarter of learning, in time: a random part of it would flatter the detector. */
const share = 4
/** Fewest points of the fitted tail. */
const tailMin = 8
/** Nats that a tail falls per unit of score at most: scores are decades already. */
const scaleMin = Math.LOG10E
/** Smallest p-value that extrapolation claims. */
export const pMin = 1e-9

/** A calibrated p-value, and whether it lies beyond what the sample can show. */
export interface Tail {
  readonly p: number
  readonly extrapolated: boolean
}

/**
 * Turns scores into p-values by their rank among the scores of normal calls: (k + 1) / (n + 1), which bounds the false
 * alarms of exchangeable traffic whatever the score means (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
 * World", 2005). Beyond the largest score the tail goes on as the predictive distribution of an exponential
 * fitted to the k largest (shape 1/2k), which is the more careful the fewer they are; the answer says so.
 */
export class ScoreSample {
  readonly #sorted: Float64Array
  readonly #threshold: number
  readonly #scale: number
  readonly #tail: number

  constructor(scores: Float64Array) {
    const sorted = this.#sorted = scores.toSorted()
    const size = sorted.length
    const tail = this.#tail = Math.min(size, Math.max(tailMin, size >>> 4))
    this.#threshold = size === 0 ? 0 : sorted[size - tail]!
    let excess = 0
    for (let i = size - tail; i < size; i++) excess += sorted[i]! - this.#threshold
    this.#scale = tail === 0 ? scaleMin : Math.max(scaleMin, excess / tail)
  }

  get size(): number {
    return this.#sorted.length
  }

  /** The scores, sorted. */
  get scores(): Float64Array {
    return this.#sorted
  }

  /** The p-value of a score. */
  tail(score: number): Tail {
    const sorted = this.#sorted
    const size = sorted.length
    let low = 0
    let high = size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]! < score) low = middle + 1
      else high = middle
    }
    const rank = (size - low + 1) / (size + 1)
    if (low < size || size === 0) return { p: rank, extrapolated: false }
    const excess = (score - this.#threshold) / this.#scale
    const fitted = (this.#tail / (size + 1)) * (1 + excess / (2 * this.#tail)) ** (-2 * this.#tail)
    return { p: Math.max(pMin, Math.min(rank, fitted)), extrapolated: true }
  }
}

/** The scores that one function's calls had while it was learned, in time order, until they are frozen. */
export class Calibration {
  #ring: Float64Array = new Float64Array(scoresMin)
  #count = 0
  #frozen: ScoreSample | undefined

  /** The frozen sample; `undefined` while the function is still learned. */
  get sample(): ScoreSample | undefined {
    return this.#frozen
  }

  /** Points in the newest quarter. */
  get size(): number {
    return this.#frozen?.size ?? Math.min(Math.ceil(this.#count / share), this.#ring.length)
  }

  get bytes(): number {
    return this.#ring.byteLength + (this.#frozen?.scores.byteLength ?? 0) + 64
  }

  push(score: number): void {
    if (this.#frozen !== undefined) return
    if (this.#count >= this.#ring.length && this.#ring.length < scoresMax) {
      const grown = new Float64Array(this.#ring.length * 2)
      grown.set(this.#ring)
      this.#ring = grown
    }
    this.#ring[this.#count % this.#ring.length] = score
    this.#count++
  }

  /** The newest quarter so far. */
  recent(): Float64Array {
    if (this.#frozen !== undefined) return this.#frozen.scores
    const size = Math.min(this.size, this.#count)
    const scores = new Float64Array(size)
    for (let i = 0; i < size; i++) scores[i] = this.#ring[(this.#count - 1 - i) % this.#ring.length]!
    return scores
  }

  /** Ends calibration with the newest quarter. */
  freeze(): void {
    if (this.#frozen !== undefined) return
    this.#frozen = new ScoreSample(this.recent())
    this.#ring = new Float64Array(0)
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.floats(this.#ring)
    writer.u32(this.#frozen === undefined ? 0 : 1)
    if (this.#frozen !== undefined) writer.floats(this.#frozen.scores)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#ring = reader.floats()
    this.#frozen = reader.u32() === 1 ? new ScoreSample(reader.floats()) : undefined
    if (this.#frozen === undefined && this.#ring.length === 0) reader.refuse("calibration")
  }
}
