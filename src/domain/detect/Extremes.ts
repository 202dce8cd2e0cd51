import type { Reader, Writer } from "./Bytes.ts"
import { tailEvidence } from "./TailFit.ts"

/** Values kept at each end: what a tail rests on. */
const kept = 8
/** Fewest values before the ends say anything. */
const ready = 16

/**
 * The eight largest and eight smallest of all values seen: both tails of a quantity in 64 bytes, whatever its
 * distribution is between them. Evidence begins beyond the eighth.
 *
 * Source: tail estimation from upper order statistics (Hill 1975; Pickands 1975).
 */
export class Extremes {
  /** Largest first, then smallest first. 64 bytes: the engine keeps such an array inside the object. */
  readonly #ends = new Float32Array(2 * kept)
  #count = 0
  #frozen = false

  get count(): number {
    return this.#count
  }

  get largest(): number {
    return this.#ends[0]!
  }

  get smallest(): number {
    return this.#ends[kept]!
  }

  push(exact: number): void {
    if (this.#frozen) return
    const value = Math.fround(exact)
    const ends = this.#ends
    const filled = Math.min(this.#count, kept)
    if (filled < kept || value > ends[kept - 1]!) {
      let at = filled < kept ? filled : kept - 1
      while (at > 0 && ends[at - 1]! < value) {
        ends[at] = ends[at - 1]!
        at--
      }
      ends[at] = value
    }
    if (filled < kept || value < ends[2 * kept - 1]!) {
      let at = kept + (filled < kept ? filled : kept - 1)
      while (at > kept && ends[at - 1]! > value) {
        ends[at] = ends[at - 1]!
        at--
      }
      ends[at] = value
    }
    this.#count++
  }

  freeze(): void {
    this.#frozen = true
  }

  /** Decades of evidence that a normal value is at least this large; `scaleMin` is the smallest excess that counts. */
  above(exact: number, scaleMin: number): number {
    const ends = this.#ends
    const excess = Math.fround(exact) - ends[kept - 1]!
    if (!(excess > 0) || this.#count < ready) return 0
    let sum = 0
    for (let i = 0; i < kept; i++) sum += ends[i]! - ends[kept - 1]!
    return tailEvidence(excess, Math.max(scaleMin, sum / kept), kept, this.#count)
  }

  /** Decades of evidence that a normal value is at most this large. */
  below(exact: number, scaleMin: number): number {
    const ends = this.#ends
    const excess = ends[2 * kept - 1]! - Math.fround(exact)
    if (!(excess > 0) || this.#count < ready) return 0
    let sum = 0
    for (let i = kept; i < 2 * kept; i++) sum += ends[2 * kept - 1]! - ends[i]!
    return tailEvidence(excess, Math.max(scaleMin, sum / kept), kept, this.#count)
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.u32(this.#frozen ? 1 : 0)
    writer.floats(this.#ends)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#frozen = reader.u32() === 1
    const ends = reader.floats()
    if (ends.length !== this.#ends.length) reader.refuse("extremes")
    this.#ends.set(ends)
  }
}
