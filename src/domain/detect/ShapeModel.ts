import type { Reader, Writer } from "./Bytes.ts"
import { countMask, type CountTable, followersShift, saltedKey } from "./CountTable.ts"
import type { TopFive } from "./TopFive.ts"

/** Marks before the first and after the last symbol of a shape; shapes never contain them. */
const start = 2
const end = 3
const startContext = start | (start << 8) | (start << 16)
/** Symbols a shape can be made of: what a symbol never seen costs at order 0. */
const alphabet = 128
/** What a symbol keeps of its probability after a symbol never seen: nothing is expected there. */
const unknownContext = 0.5
const followersMax = 255

/**
 * A 4-gram model of shape symbols with Witten-Bell back-off: how surprising is each symbol after the three before it.
 * A shape's score is the sum of its five most surprising symbols, so that a long ordinary value is not surprising for
 * its length, and an attack cannot dilute itself in ordinary text. An n-gram is a 32-bit word of up to four symbols.
 *
 * Source: Witten and Bell, "The zero-frequency problem" (IEEE Trans. Information Theory 37, 1991), method C.
 */
export class ShapeModel {
  readonly #table: CountTable
  readonly #salt: number
  #symbols = 0
  #distinct = 0

  constructor(table: CountTable, salt: number) {
    this.#table = table
    this.#salt = salt
  }

  /** Learns one shape. */
  learn(shape: string): void {
    const table = this.#table
    const salt = this.#salt
    let context = startContext
    table.add(saltedKey(salt, start), 1)
    table.add(saltedKey(salt, start | (start << 8)), 1)
    table.add(saltedKey(salt, startContext), 1)
    for (let i = 0; i <= shape.length; i++) {
      const symbol = i === shape.length ? end : shape.charCodeAt(i) & 0xff
      this.#symbols++
      if (table.add(saltedKey(salt, symbol), 1) === 0) this.#distinct++
      this.#count(context & 0xff, symbol)
      this.#count(context & 0xffff, symbol)
      this.#count(context, symbol)
      context = (context << 8 | symbol) & 0xffffff
    }
  }

  /** Counts a symbol after a context; a new one counts as one more follower of the context. */
  #count(context: number, symbol: number): void {
    const table = this.#table
    if (table.add(saltedKey(this.#salt, context << 8 | symbol), 1) !== 0) return
    const key = saltedKey(this.#salt, context)
    if (table.get(key) >>> followersShift < followersMax) table.add(key, 1 << followersShift)
  }

  /** Puts the surprise of each symbol, in nats, into `top`. */
  surprise(shape: string, top: TopFive): void {
    const table = this.#table
    const salt = this.#salt
    const total = this.#symbols + this.#distinct + 1
    const escape = (this.#distinct + 1) / alphabet
    let context = startContext
    let one = table.get(saltedKey(salt, start))
    let two = table.get(saltedKey(salt, start | (start << 8)))
    let three = table.get(saltedKey(salt, startContext))
    for (let i = 0; i <= shape.length; i++) {
      const symbol = i === shape.length ? end : shape.charCodeAt(i) & 0xff
      const gram1 = table.get(saltedKey(salt, symbol))
      const gram2 = table.get(saltedKey(salt, (context & 0xff) << 8 | symbol))
      const gram3 = table.get(saltedKey(salt, (context & 0xffff) << 8 | symbol))
      let p = ((gram1 & countMask) + escape) / total
      p = one === 0 ? p * unknownContext : blend(gram2, one, p)
      if (two !== 0) p = blend(gram3, two, p)
      if (three !== 0) p = blend(table.get(saltedKey(salt, context << 8 | symbol)), three, p)
      top.add(-Math.log(p), i)
      one = gram1
      two = gram2
      three = gram3
      context = (context << 8 | symbol) & 0xffffff
    }
  }

  write(writer: Writer): void {
    writer.u32(this.#symbols)
    writer.u32(this.#distinct)
  }

  read(reader: Reader): void {
    this.#symbols = reader.u32()
    this.#distinct = reader.u32()
  }
}

const blend = (gram: number, context: number, lower: number): number => {
  const followers = context >>> followersShift || 1
  return ((gram & countMask) + followers * lower) / ((context & countMask) + followers)
}
