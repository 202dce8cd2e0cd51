import type { Reader, Writer } from "./Bytes.ts"
import { tailEvidence } from "./TailFit.ts"

/** First scores of a model, left out: they say only that everything was new. */
const warmup = 32
/** Fewest scores before a tail says anything. */
const ready = 16
const sizeMin = 16
const sizeMax = 1024
/** The newest share of all scores that stands for normal: the older ones come from a model that knew less. */
const share = 4
/** Part of the scores above which the tail is fitted. */
const tailShare = 10
const tailMin = 8

/**
 * How surprising normal values were to a model, in the newest quarter of learning, and so how improbable a more
 * surprising one is. Only the upper tail is kept when learning ends.
 */
export class TailSample {
  readonly #scaleMin: number
  #values: Array<number> = []
  #next = 0
  #count = 0
  #refreshAt = warmup + ready
  #frozen = false
  #size = 0
  #tail = 0
  #threshold = 0
  #scale = 1

  /** `scaleMin`: the smallest mean excess, in units of the score, that a tail may have. */
  constructor(scaleMin: number) {
    this.#scaleMin = scaleMin
  }

  get bytes(): number {
    return 8 * this.#values.length + 120
  }

  /** Adds a score, unless learning has ended. */
  push(value: number): void {
    if (this.#frozen || ++this.#count <= warmup) return
    const wanted = Math.min(sizeMax, Math.max(sizeMin, Math.ceil(this.#count / share)))
    if (this.#values.length < wanted) {
      this.#values.push(value)
    } else {
      this.#values[this.#next] = value
      this.#next = (this.#next + 1) % this.#values.length
    }
    if (this.#count >= this.#refreshAt) this.#fit()
  }

  /** Ends learning: the newest share is what is normal from now on. */
  freeze(): void {
    if (this.#frozen) return
    this.#fit()
    this.#frozen = true
    this.#values = []
  }

  #fit(): void {
    const size = this.#size = this.#values.length
    this.#refreshAt = this.#count + Math.max(8, this.#count >> 3)
    if (size < ready) return
    const sorted = Float64Array.from(this.#values).toSorted()
    const tail = this.#tail = Math.max(tailMin, Math.floor(size / tailShare))
    const threshold = this.#threshold = sorted[size - tail]!
    let excess = 0
    for (let i = size - tail; i < size; i++) excess += sorted[i]! - threshold
    this.#scale = Math.max(this.#scaleMin, excess / tail)
  }

  /** Decades of evidence that a normal score is at least this large: 0 below the upper tail. */
  above(value: number): number {
    const excess = value - this.#threshold
    return excess <= 0 || this.#size < ready ? 0 : tailEvidence(excess, this.#scale, this.#tail, this.#size)
  }

  write(writer: Writer): void {
    for (const value of [this.#count, this.#next, this.#refreshAt, this.#frozen ? 1 : 0, this.#size, this.#tail]) {
      writer.u32(value)
    }
    writer.f64(this.#threshold)
    writer.f64(this.#scale)
    writer.floats(this.#values)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#next = reader.u32()
    this.#refreshAt = reader.u32()
    this.#frozen = reader.u32() === 1
    this.#size = reader.u32()
    this.#tail = reader.u32()
    this.#threshold = reader.f64()
    this.#scale = reader.f64()
    this.#values = Array.from(reader.floats())
  }
}
