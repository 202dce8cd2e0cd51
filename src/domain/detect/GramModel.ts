import type { Reader, Writer } from "./Bytes.ts"
import { CountTable } from "./CountTable.ts"
import type { TopFive } from "./TopFive.ts"

/** Buckets that a gram can fall into (16 bits). */
const buckets = 65_536
/** Most buckets that the model of one argument counts (8 bytes each). */
const bucketsMax = 8192

/**
 * How often each hashed character 3-gram occurs in the values of an argument. A value's score is the sum of its five
 * most surprising grams. The grams come as a sorted set, so the model is one of occurrence, without order.
 *
 * Source: the one-class n-gram detectors of Wang, Parekh and Stolfo, "Anagram" (RAID 2006), with counts and
 * Witten-Bell escape (method C) instead of a bit per gram.
 */
export class GramModel {
  readonly #table = new CountTable(bucketsMax)
  #grams = 0
  #distinct = 0

  get bytes(): number {
    return this.#table.bytes + 64
  }

  /** Learns the grams of one value. */
  learn(grams: ReadonlyArray<number>): void {
    this.#grams += grams.length
    for (let i = 0; i < grams.length; i++) {
      if (this.#table.add(grams[i]! + 1, 1) === 0) this.#distinct++
    }
  }

  /** Puts the surprise of each gram, in nats, into `top`. */
  surprise(grams: ReadonlyArray<number>, top: TopFive): void {
    const total = this.#grams + this.#distinct + 1
    const novel = Math.log(total / (this.#distinct + 1)) + Math.log(buckets)
    for (let i = 0; i < grams.length; i++) {
      const count = this.#table.get(grams[i]! + 1)
      top.add(count === 0 ? novel : Math.log(total / count), i)
    }
  }

  write(writer: Writer): void {
    writer.u32(this.#grams)
    writer.u32(this.#distinct)
    this.#table.write(writer)
  }

  read(reader: Reader): void {
    this.#grams = reader.u32()
    this.#distinct = reader.u32()
    this.#table.read(reader)
  }
}
