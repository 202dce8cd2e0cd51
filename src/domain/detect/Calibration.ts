import type { Reader, Writer } from "./Bytes.ts"

/** Most scores kept; at the default false-positive budget of 1 in 1000 the largest two decide. */
const scoresMax = 2048
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
  #scores: Array<number> = []
  #next = 0
  #count = 0
  #frozen: ScoreSample | undefined

  /** The frozen sample; `undefined` while the function is still learned. */
  get sample(): ScoreSample | undefined {
    return this.#frozen
  }

  /** Points in the newest quarter. */
  get size(): number {
    return this.#frozen?.size ?? this.#scores.length
  }

  get bytes(): number {
    return 8 * this.size + 120
  }

  push(score: number): void {
    if (this.#frozen !== undefined) return
    this.#count++
    const wanted = Math.min(scoresMax, Math.ceil(this.#count / share))
    if (this.#scores.length < wanted) {
      this.#scores.push(score)
    } else {
      this.#scores[this.#next] = score
      this.#next = (this.#next + 1) % this.#scores.length
    }
  }

  /** The newest quarter so far. */
  recent(): Float64Array {
    return this.#frozen?.scores ?? Float64Array.from(this.#scores)
  }

  /** Ends calibration with the newest quarter. */
  freeze(): void {
    if (this.#frozen !== undefined) return
    this.#frozen = new ScoreSample(this.recent())
    this.#scores = []
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.u32(this.#next)
    writer.u32(this.#frozen === undefined ? 0 : 1)
    writer.floats(this.recent())
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#next = reader.u32()
    const frozen = reader.u32() === 1
    const scores = reader.floats()
    if (frozen) this.#frozen = new ScoreSample(scores)
    else this.#scores = Array.from(scores)
  }
}
