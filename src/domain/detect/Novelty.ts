import type { Reader, Writer } from "./Bytes.ts"
import { type CountTable, saltedKey } from "./CountTable.ts"

/** Calls over which the share of new values is averaged. */
const horizon = 1024
/** Share of new values above which a set is open, and its values are no longer kept. */
const openShare = 0.4
const openAfter = 32
/** Most distinct values of a closed set. */
const distinctMax = 1024

/**
 * How closed a set of hashed values is, and so what a value never seen before means: in a field that took three values
 * in 800 calls a fourth is odd, in a field of names it is not.
 *
 * Source: the probability of a novel symbol (Witten and Bell 1991), taken over the recent past, because closed sets
 * show all their values early.
 */
export class Novelty {
  readonly #table: CountTable
  readonly #salt: number
  #count = 0
  #share = 0
  #distinct = 0

  constructor(table: CountTable, salt: number) {
    this.#table = table
    this.#salt = salt
  }

  get distinct(): number {
    return this.#distinct
  }

  /** True where so many values were new that a new one says nothing. */
  get open(): boolean {
    return this.#distinct >= distinctMax || this.#count >= openAfter && this.#share > openShare
  }

  learn(hash: number): void {
    this.#count++
    if (this.open) return
    const fresh = this.#table.add(saltedKey(this.#salt, hash), 1) === 0
    if (fresh) this.#distinct++
    this.#share += ((fresh ? 1 : 0) - this.#share) / Math.min(this.#count, horizon)
  }

  /** Decades of evidence in a value: 0 for one seen before. */
  evidence(hash: number): number {
    if (this.#count === 0 || this.open || this.#table.get(saltedKey(this.#salt, hash)) > 0) return 0
    return -Math.log10(Math.min(1, Math.max(this.#share, 0.5 / Math.min(this.#count, horizon))))
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.f64(this.#share)
    writer.u32(this.#distinct)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#share = reader.f64()
    this.#distinct = reader.u32()
  }
}
