import type { Reader, Writer } from "./Bytes.ts"
import { ScoreSample } from "./Calibration.ts"

/** Most scores in the pool. */
const scoresMax = 4096
/** New scores after which the sorted sample is made again. */
const refreshEvery = 256

/** Calibration scores of all functions together: what a young function is compared with until it has enough of its own. */
export class ScorePool {
  #ring = new Float32Array(0)
  #count = 0
  #sample = new ScoreSample(new Float32Array(0), 0, 0)
  #sampledAt = 0

  /** Scores held. */
  get size(): number {
    return Math.min(this.#count, scoresMax)
  }

  push(score: number): void {
    if (this.#ring.length === 0) this.#ring = new Float32Array(scoresMax)
    this.#ring[this.#count % scoresMax] = score
    this.#count++
  }

  /** Replaces the pool by the scores of several functions, thinned evenly where they are too many. */
  replace(parts: ReadonlyArray<Float32Array>): void {
    const total = parts.reduce((sum, part) => sum + part.length, 0)
    if (total === 0) return
    const step = Math.max(1, total / scoresMax)
    this.#count = 0
    let next = 0
    let at = 0
    for (const part of parts) {
      for (let i = 0; i < part.length; i++, at++) {
        if (at < next) continue
        this.push(part[i]!)
        next += step
      }
    }
    this.#refresh()
  }

  /** The sorted sample. */
  sample(): ScoreSample {
    if (this.#count - this.#sampledAt >= refreshEvery || this.#sampledAt === 0 && this.#count > 0) this.#refresh()
    return this.#sample
  }

  #refresh(): void {
    this.#sampledAt = this.#count
    this.#sample = new ScoreSample(this.#ring.slice(0, this.size), 0, this.size)
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.u32(this.#sampledAt)
    writer.floats(this.#ring.subarray(0, this.size))
    writer.floats(this.#sample.scores)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#sampledAt = reader.u32()
    const scores = reader.floats()
    if (scores.length !== this.size) reader.refuse("score pool")
    if (scores.length > 0) this.#ring = new Float32Array(scoresMax)
    this.#ring.set(scores)
    const sample = Float32Array.from(reader.floats())
    this.#sample = new ScoreSample(sample, 0, sample.length)
  }
}
