import type { Reader, Writer } from "./Bytes.ts"
import { countMask, type CountTable, saltedKey } from "./CountTable.ts"

/** Buckets that a gram can fall into (16 bits). */
const buckets = 65_536
/** Ordinary grams added to those of every value. */
const shrinkage = 2
/** Logarithms of small counts, which are nearly all counts. */
const logs = Float64Array.from({ length: 1024 }, (_, count) => Math.log(count))

/**
 * How often each hashed character 3-gram occurs in the values of an argument. A value's score is the mean of their
 * surprise. The grams come as a sorted set, so the model is one of occurrence, without order.
 *
 * Source: the one-class n-gram detectors of Wang, Parekh and Stolfo, "Anagram" (RAID 2006), with counts and
 * Witten-Bell escape (method C) instead of a bit per gram.
 */
export class GramModel {
  readonly #table: CountTable
  readonly #salt: number
  #grams = 0
  #distinct = 0

  constructor(table: CountTable, salt: number) {
    this.#table = table
    this.#salt = salt
  }

  /** Learns the grams of one value. */
  learn(grams: ReadonlyArray<number>): void {
    this.#grams += grams.length
    for (let i = 0; i < grams.length; i++) {
      if (this.#table.add(saltedKey(this.#salt, grams[i]!), 1) === 0) this.#distinct++
    }
  }

  /** The mean surprise of the grams of a value, in nats; a short value is drawn towards 0, for it shows little. */
  surprise(grams: ReadonlyArray<number>): number {
    const distinct = Math.min(this.#distinct, buckets - 1)
    const total = this.#grams + distinct + 1
    const all = Math.log(total)
    const novel = Math.log((total / (distinct + 1)) * buckets)
    let sum = 0
    for (let i = 0; i < grams.length; i++) {
      const count = this.#table.get(saltedKey(this.#salt, grams[i]!)) & countMask
      sum += count === 0 ? novel : all - (count < 1024 ? logs[count]! : Math.log(count))
    }
    return sum / (grams.length + shrinkage)
  }

  write(writer: Writer): void {
    writer.u32(this.#grams)
    writer.u32(this.#distinct)
  }

  read(reader: Reader): void {
    this.#grams = reader.u32()
    this.#distinct = reader.u32()
  }
}
