import { type Arena, type Block, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"

const capacityMin = 16
/** In a value: times seen (low bits), and for n-grams the distinct symbols that followed (high bits). */
export const followersShift = 24
export const countMask = (1 << followersShift) - 1

/** A value after ageing: what was seen once leaves. */
const halve = (value: number): number => {
  const count = (value & countMask) >>> 1
  return count === 0 ? 0 : count | (Math.min(value >>> followersShift, count) << followersShift)
}

/**
 * The counts of all models of one function, in one block: 32-bit keys, 32-bit values, open addressing. It is small
 * while there is little to count and bounded when there is much: when it may not grow, values are halved and those that
 * reach 0 leave, so that what is old and rare makes room (lossy counting: Manku and Motwani, VLDB 2002).
 *
 * Models share it by salted keys ({@link saltedKey}): within one salt they are exact.
 */
export class CountTable {
  readonly #arena: Arena
  readonly #capacityMax: () => number
  #block: Block
  /** The words of the block's chunk, where it begins in them, and the last offset of an entry. */
  #cells: Uint32Array
  #base: number
  #mask: number
  #shift: number
  #used = 0

  /** `capacityMax` says how many entries it may grow to now; it is asked when the table is full. */
  constructor(arena: Arena, capacityMax: () => number) {
    this.#arena = arena
    this.#capacityMax = capacityMax
    const block = this.#block = arena.allocate(2 * capacityMin)
    this.#cells = block.words
    this.#base = block.at
    this.#mask = block.size - 1
    this.#shift = 33 - Math.log2(block.size)
  }

  #use(block: Block): void {
    this.#block = block
    this.#cells = block.words
    this.#base = block.at
    this.#mask = block.size - 1
    this.#shift = 33 - Math.log2(block.size)
  }

  /** Number of keys. */
  get size(): number {
    return this.#used
  }

  get bytes(): number {
    return 4 * this.#block.size
  }

  /** The value of a key; 0 where it is not there. */
  get(key: number): number {
    const cells = this.#cells
    const base = this.#base
    const mask = this.#mask
    let at = (Math.imul(key, 0x85ebca6b) >>> this.#shift) << 1
    for (;;) {
      const found = cells[base + at]!
      if (found === key) return cells[base + at + 1]!
      if (found === 0) return 0
      at = (at + 2) & mask
    }
  }

  /** Adds to the value of a key and answers the value before; 0 means that the key is new. Keys are never 0. */
  add(key: number, amount: number): number {
    const cells = this.#cells
    const base = this.#base
    const mask = this.#mask
    let at = (Math.imul(key, 0x85ebca6b) >>> this.#shift) << 1
    for (;;) {
      const found = cells[base + at]!
      if (found === key) {
        const before = cells[base + at + 1]!
        cells[base + at + 1] = before + amount
        return before
      }
      if (found === 0) break
      at = (at + 2) & mask
    }
    if ((this.#used + 1) * 4 > ((mask + 1) >> 1) * 3) {
      this.#makeRoom()
      return this.add(key, amount)
    }
    cells[base + at] = key
    cells[base + at + 1] = amount
    this.#used++
    return 0
  }

  #makeRoom(): void {
    const capacity = (this.#mask + 1) >> 1
    const limit = Math.max(capacityMin, this.#capacityMax())
    if (capacity < limit) {
      this.#rebuild(capacity * 2)
      return
    }
    const cells = this.#cells
    const end = this.#base + this.#mask
    let left = this.#used
    while (left * 2 > limit) {
      left = 0
      for (let i = this.#base + 1; i <= end; i += 2) if ((cells[i] = halve(cells[i]!)) > 0) left++
    }
    this.#rebuild(limit)
  }

  #rebuild(capacity: number): void {
    const old = this.#block
    this.#use(this.#arena.allocate(2 * capacity))
    this.#used = 0
    for (let i = old.at; i < old.at + old.size; i += 2) {
      if (old.words[i + 1]! > 0) this.add(old.words[i]!, old.words[i + 1]!)
    }
    this.#arena.free(old)
  }

  /** Gives the memory back. */
  release(): void {
    this.#arena.free(this.#block)
  }

  write(writer: Writer): void {
    writeBlock(writer, this.#block)
  }

  read(reader: Reader): void {
    const block = this.#arena.read(reader)
    const capacity = block.size >> 1
    if (capacity < capacityMin || (capacity & (capacity - 1)) !== 0) reader.refuse("count table")
    let used = 0
    for (let i = block.at; i < block.at + block.size; i += 2) if (block.words[i] !== 0) used++
    if (used >= capacity) reader.refuse("count table")
    this.release()
    this.#use(block)
    this.#used = used
  }
}

/** A key of one model in the shared table: a bijection of 32-bit keys for each salt, so a model never confuses its own. */
export const saltedKey = (salt: number, key: number): number => (Math.imul(key ^ salt, 0x9e3779b1) >>> 0) || 1
