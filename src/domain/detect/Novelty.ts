import type { Reader, Writer } from "./Bytes.ts"
import { CountTable } from "./CountTable.ts"

/** Calls over which the share of new values is averaged. */
const horizon = 1024
/** Share of new values above which a set is open, and its values are no longer kept. */
const openShare = 0.5
const openAfter = 64

/**
 * How closed a set of hashed values is, and so what a value never seen before means: in a field that took three values
 * in 800 calls a fourth is odd, in a field of names it is not.
 *
 * Source: the probability of a novel symbol (Witten and Bell 1991), taken over the recent past, because closed sets
 * show all their values early.
 */
export class Novelty {
  readonly #table: CountTable
  #count = 0
  #share = 0

  constructor(valuesMax: number) {
    this.#table = new CountTable(valuesMax)
  }

  get distinct(): number {
    return this.#table.size
  }

  get bytes(): number {
    return this.#table.bytes + 48
  }

  /** True where so many values were new that a new one says nothing. */
  get open(): boolean {
    return this.#count >= openAfter && this.#share > openShare
  }

  learn(hash: number): void {
    this.#count++
    const rate = 1 / Math.min(this.#count, horizon)
    const known = this.open ? 0 : this.#table.add(hash || 1, 1)
    this.#share += ((known === 0 ? 1 : 0) - this.#share) * rate
  }

  /** Decades of evidence in a value: 0 for one seen before. */
  evidence(hash: number): number {
    if (this.#count === 0 || this.open || this.#table.get(hash || 1) > 0) return 0
    return -Math.log10(Math.min(1, Math.max(this.#share, 0.5 / Math.min(this.#count, horizon))))
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.f64(this.#share)
    this.#table.write(writer)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#share = reader.f64()
    this.#table.read(reader)
  }
}
