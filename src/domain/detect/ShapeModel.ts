import type { Reader, Writer } from "./Bytes.ts"
import { CountTable } from "./CountTable.ts"
import type { TopFive } from "./TopFive.ts"

/** Marks before the first and after the last symbol of a shape; shapes never contain them. */
export const start = 2
export const end = 3
/** Symbols a shape can be made of: what a symbol never seen costs at order 0. */
const alphabet = 128
/** What a symbol keeps of its probability after a symbol never seen: nothing is expected there. */
const unknownContext = 0.5
/** Most n-grams that the model of one argument keeps (8 bytes each). */
const gramsMax = 4096
/** In a value of the table: number of times seen (low bits), distinct symbols that followed (high bits). */
const followersShift = 24
const countMask = (1 << followersShift) - 1
const followersMax = 255

const halve = (value: number): number => {
  const count = (value & countMask) >>> 1
  return count === 0 ? 0 : count | (Math.min(value >>> followersShift, count) << followersShift)
}

/**
 * A 4-gram model of shape symbols with Witten-Bell back-off: how surprising is each symbol after the three before it.
 * A shape's score is made of its five most surprising symbols, so that a long ordinary value is not surprising for
 * its length, and an attack cannot dilute itself in ordinary text.
 *
 * Source: Witten and Bell, "The zero-frequency problem" (IEEE Trans. Information Theory 37, 1991), method C.
 */
export class ShapeModel {
  readonly #table = new CountTable(gramsMax, halve)
  #symbols = 0
  #distinct = 0

  /** Symbols learned. */
  get learned(): number {
    return this.#symbols
  }

  get bytes(): number {
    return this.#table.bytes + 64
  }

  /** Learns one shape. */
  learn(shape: string): void {
    const table = this.#table
    let context = start | (start << 8) | (start << 16)
    table.add(start, 1)
    table.add(start | (start << 8), 1)
    table.add(context, 1)
    for (let i = 0; i <= shape.length; i++) {
      const symbol = i === shape.length ? end : shape.charCodeAt(i) & 0xff
      this.#symbols++
      if (table.add(symbol, 1) === 0) this.#distinct++
      if (table.add(((context & 0xff) << 8 | symbol) >>> 0, 1) === 0) this.#follow(context & 0xff)
      if (table.add(((context & 0xffff) << 8 | symbol) >>> 0, 1) === 0) this.#follow(context & 0xffff)
      if (table.add((context << 8 | symbol) >>> 0, 1) === 0) this.#follow(context)
      context = (context << 8 | symbol) & 0xffffff
    }
  }

  #follow(context: number): void {
    if (this.#table.get(context) >>> followersShift < followersMax) this.#table.add(context, 1 << followersShift)
  }

  /** Puts the surprise of each symbol, in nats, into `top`. */
  surprise(shape: string, top: TopFive): void {
    const table = this.#table
    const total = this.#symbols + this.#distinct + 1
    const escape = (this.#distinct + 1) / alphabet
    let context = start | (start << 8) | (start << 16)
    let one = table.get(start)
    let two = table.get(start | (start << 8))
    let three = table.get(context)
    for (let i = 0; i <= shape.length; i++) {
      const symbol = i === shape.length ? end : shape.charCodeAt(i) & 0xff
      const gram1 = table.get(symbol)
      const gram2 = table.get(((context & 0xff) << 8 | symbol) >>> 0)
      const gram3 = table.get(((context & 0xffff) << 8 | symbol) >>> 0)
      let p = ((gram1 & countMask) + escape) / total
      p = one === 0 ? p * unknownContext : blend(gram2, one, p)
      if (two !== 0) p = blend(gram3, two, p)
      if (three !== 0) p = blend(table.get((context << 8 | symbol) >>> 0), three, p)
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
    this.#table.write(writer)
  }

  read(reader: Reader): void {
    this.#symbols = reader.u32()
    this.#distinct = reader.u32()
    this.#table.read(reader)
  }
}

const blend = (gram: number, context: number, lower: number): number => {
  const followers = context >>> followersShift
  const count = context & countMask
  return ((gram & countMask) + (followers || 1) * lower) / (count + (followers || 1))
}
