import type { Reader, Writer } from "./Bytes.ts"

const cellsMin = 16

/**
 * A hash table from 32-bit keys to 32-bit values in one typed array: small while there is little to count, bounded when
 * there is much. When it is full, values are halved and those that reach 0 leave, so that what is old and rare makes
 * room (lossy counting: Manku and Motwani, VLDB 2002).
 */
export class CountTable {
  readonly #capacityMax: number
  /** How a value ages when the table is full. */
  readonly #halve: (value: number) => number
  #cells: Uint32Array
  #shift: number
  #used = 0

  constructor(capacityMax: number, halve: (value: number) => number = (value) => value >>> 1) {
    this.#capacityMax = capacityMax
    this.#halve = halve
    this.#cells = new Uint32Array(2 * cellsMin)
    this.#shift = 32 - Math.log2(cellsMin)
  }

  /** Number of keys. */
  get size(): number {
    return this.#used
  }

  /** Bytes of the table. */
  get bytes(): number {
    return this.#cells.byteLength
  }

  /** The value of a key; 0 where it is not there. */
  get(key: number): number {
    const cells = this.#cells
    const mask = cells.length - 1
    let at = (Math.imul(key, 0x9e3779b1) >>> this.#shift) << 1
    for (;;) {
      const found = cells[at]!
      if (found === key) return cells[at + 1]!
      if (found === 0) return 0
      at = (at + 2) & mask
    }
  }

  /** Adds to the value of a key and answers the value before; 0 means that the key is new. Keys are never 0. */
  add(key: number, amount: number): number {
    const cells = this.#cells
    const mask = cells.length - 1
    let at = (Math.imul(key, 0x9e3779b1) >>> this.#shift) << 1
    for (;;) {
      const found = cells[at]!
      if (found === key) {
        const before = cells[at + 1]!
        cells[at + 1] = before + amount
        return before
      }
      if (found === 0) break
      at = (at + 2) & mask
    }
    if ((this.#used + 1) * 4 > (cells.length >> 1) * 3) {
      this.#makeRoom()
      return this.add(key, amount)
    }
    cells[at] = key
    cells[at + 1] = amount
    this.#used++
    return 0
  }

  #makeRoom(): void {
    const capacity = this.#cells.length >> 1
    if (capacity < this.#capacityMax) {
      this.#rebuild(capacity * 2, (value) => value)
      return
    }
    do this.#rebuild(capacity, this.#halve)
    while ((this.#used + 1) * 4 > capacity * 3)
  }

  #rebuild(capacity: number, change: (value: number) => number): void {
    const old = this.#cells
    this.#cells = new Uint32Array(2 * capacity)
    this.#shift = 32 - Math.log2(capacity)
    this.#used = 0
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] === 0) continue
      const value = change(old[i + 1]!)
      if (value > 0) this.add(old[i]!, value)
    }
  }

  write(writer: Writer): void {
    writer.u32(this.#used)
    writer.words(this.#cells)
  }

  read(reader: Reader): void {
    this.#used = reader.u32()
    this.#cells = reader.words()
    const capacity = this.#cells.length >> 1
    if (capacity < cellsMin || (capacity & (capacity - 1)) !== 0 || this.#used >= capacity) reader.refuse("count table")
    this.#shift = 32 - Math.log2(capacity)
  }
}
