import { type Arena, type Block, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { tailScale } from "./TailFit.ts"

/** Most scores kept; at the default false-positive budget of 1 in 1000 the largest two decide. */
const scoresMax = 2048
/** Scores are taken from the newest quarter of learning, in time: a random part of it would flatter the detector. */
const share = 4
/** Fewest points of the fitted tail. */
const tailMin = 8
/** Scores are decades of evidence already: a tail falls by a factor of e over this much of it, and never faster. */
const usualScale = Math.LOG10E
/** What that knowledge counts, in scores: for the scale, and (it may be wrong) for how fast the tail falls. */
const known = 8
const knownDegrees = 4
/** New scores after which the sample of a function that is judged and still learned is made again: these, and an eighth. */
const refreshMin = 16
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
 * fitted to the k largest (shape 1/(k + 4)), which is the more careful the fewer they are; the answer says so.
 */
export class ScoreSample {
  readonly #scores: Float32Array
  readonly #at: number
  /** Number of scores. */
  readonly size: number
  readonly #threshold: number
  readonly #scale: number
  readonly #tail: number

  /** Sorts the `size` scores that begin at `at`, in place, and keeps them there. */
  constructor(scores: Float32Array, at: number, size: number) {
    this.#scores = scores
    this.#at = at
    this.size = size
    scores.subarray(at, at + size).sort()
    const end = at + size
    const tail = this.#tail = Math.min(size, Math.max(tailMin, size >>> 4))
    const threshold = this.#threshold = size === 0 ? 0 : scores[end - tail]!
    let excess = 0
    for (let i = end - tail; i < end; i++) excess += scores[i]! - threshold
    this.#scale = Math.max(usualScale, tailScale(excess, tail, usualScale, known))
  }

  /** The scores, sorted. */
  get scores(): Float32Array {
    return this.#scores.subarray(this.#at, this.#at + this.size)
  }

  /** The p-value of a score. */
  tail(exact: number): Tail {
    const score = Math.fround(exact)
    const { size } = this
    let low = 0
    let high = size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#scores[this.#at + middle]! < score) low = middle + 1
      else high = middle
    }
    const rank = (size - low + 1) / (size + 1)
    if (low < size || size === 0) return { p: rank, extrapolated: false }
    const degrees = this.#tail + knownDegrees
    const excess = (score - this.#threshold) / this.#scale
    const fitted = (this.#tail / (size + 1)) * (1 + excess / degrees) ** -degrees
    return { p: Math.max(pMin, Math.min(rank, fitted)), extrapolated: true }
  }
}

/**
 * The scores that one function's calls had while it was learned, in time order, until they are frozen. Before that, the
 * sample is a copy of the newest quarter.
 */
export class Calibration {
  readonly #arena: Arena
  #block: Block | undefined
  #held = 0
  #next = 0
  #count = 0
  #frozen: ScoreSample | undefined
  #provisional: ScoreSample | undefined
  #sampledAt = 0

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Whether it takes no more scores. */
  get frozen(): boolean {
    return this.#frozen !== undefined
  }

  /** The newest quarter, sorted: the frozen one, or one that is nearly up to date. */
  get sample(): ScoreSample {
    if (this.#frozen !== undefined) return this.#frozen
    const due = this.#count >= this.#sampledAt + Math.max(refreshMin, this.#sampledAt >>> 3)
    if (this.#provisional !== undefined && !due) return this.#provisional
    this.#sampledAt = this.#count
    return this.#provisional = new ScoreSample(this.recent().slice(), 0, this.#held)
  }

  /** Points in the newest quarter. */
  get size(): number {
    return this.#held
  }

  get bytes(): number {
    return 4 * (this.#block?.size ?? 0) + 200
  }

  push(score: number): void {
    if (this.#frozen !== undefined) return
    this.#count++
    const wanted = Math.min(scoresMax, Math.ceil(this.#count / share))
    let block = this.#block ??= this.#arena.allocate(8)
    let place = this.#held
    if (place < wanted) {
      if (place >= block.size) block = this.#block = this.#arena.grow(block, 2 * block.size)
      this.#held++
    } else {
      place = this.#next
      this.#next = (place + 1) % this.#held
    }
    block.floats[block.at + place] = score
  }

  /** The newest quarter so far. */
  recent(): Float32Array {
    const block = this.#block
    return block === undefined ? new Float32Array(0) : block.floats.subarray(block.at, block.at + this.#held)
  }

  /** Ends calibration with the newest quarter. */
  freeze(): void {
    if (this.#frozen !== undefined) return
    this.#provisional = undefined
    const block = this.#block
    this.#frozen = block === undefined
      ? new ScoreSample(new Float32Array(0), 0, 0)
      : new ScoreSample(block.floats, block.at, this.#held)
  }

  /** Gives the memory back. */
  release(): void {
    if (this.#block !== undefined) this.#arena.free(this.#block)
  }

  /** The copy is not part of it: it is made again at once, here and where the bytes are read. */
  write(writer: Writer): void {
    this.#provisional = undefined
    writer.u32(this.#count)
    writer.u32(this.#next)
    writer.u32(this.#held)
    writer.u32(this.#frozen === undefined ? 0 : 1)
    writer.u32(this.#block === undefined ? 0 : 1)
    if (this.#block !== undefined) writeBlock(writer, this.#block)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#next = reader.u32()
    this.#held = reader.u32()
    const frozen = reader.u32() === 1
    this.#block = reader.u32() === 1 ? this.#arena.read(reader) : undefined
    const room = Math.min(scoresMax, this.#block?.size ?? 0)
    if (this.#held > room || this.#next >= Math.max(1, this.#held)) reader.refuse("calibration")
    if (frozen) this.freeze()
  }
}
