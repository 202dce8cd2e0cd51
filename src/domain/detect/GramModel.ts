import type { Reader, Writer } from "./Bytes.ts"
import { CountTable } from "./CountTable.ts"

/** Buckets that a gram can fall into (16 bits). */
const buckets = 65_536
/** Buckets counted one by one (8 bytes each); from there on a byte per possible bucket is smaller. */
const sparseMax = 4096
/** Ordinary grams added to those of every value. */
const shrinkage = 2

/** Counts up to this are exact; above, 16 steps of a byte double the count, reached by chance (Morris 1978). */
const exactMax = 128
const stepsPerDoubling = 16
const decode = Float64Array.from(
  { length: 256 },
  (_, code) => code <= exactMax ? code : exactMax * 2 ** ((code - exactMax) / stepsPerDoubling)
)

/** Logarithms of small counts, which are nearly all counts. */
const logsMax = 1024
const logs = Float64Array.from({ length: logsMax }, (_, count) => Math.log(count))
const logOf = (count: number): number => count < logsMax ? logs[count]! : Math.log(count)
const denseLogs = decode.map((count) => Math.log(count))

/**
 * How often each hashed character 3-gram occurs in the values of an argument. A value's score is the mean of their
 * surprise. The grams come as a sorted set, so the model is one of occurrence, without order.
 *
 * Source: the one-class n-gram detectors of Wang, Parekh and Stolfo, "Anagram" (RAID 2006), with counts and
 * Witten-Bell escape (method C) instead of a bit per gram; dense counters are those of Morris, "Counting large numbers
 * of events in small registers" (CACM 21, 1978).
 */
export class GramModel {
  #sparse: CountTable | undefined = new CountTable(2 * sparseMax)
  #dense: Uint8Array = new Uint8Array(0)
  #grams = 0
  #distinct = 0

  get bytes(): number {
    return (this.#sparse?.bytes ?? 0) + this.#dense.length + 64
  }

  /** Learns the grams of one value. */
  learn(grams: ReadonlyArray<number>): void {
    for (let i = 0; i < grams.length; i++) {
      this.#grams++
      const before = this.#sparse === undefined ? this.#addDense(grams[i]!) : this.#sparse.add(grams[i]! + 1, 1)
      if (before === 0) this.#distinct++
    }
    if (this.#sparse !== undefined && this.#distinct > sparseMax) this.#makeDense(this.#sparse)
  }

  /** Counts a gram in its byte; the running total decides about the steps that are left to chance. */
  #addDense(bucket: number): number {
    const code = this.#dense[bucket]!
    if (code < exactMax) {
      this.#dense[bucket] = code + 1
    } else if (code < 255) {
      const gap = decode[code + 1]! - decode[code]!
      if (((Math.imul(this.#grams, 0x9e3779b1) >>> 0) / 2 ** 32) * gap < 1) this.#dense[bucket] = code + 1
    }
    return code
  }

  #makeDense(sparse: CountTable): void {
    this.#dense = new Uint8Array(buckets)
    for (let bucket = 0; bucket < buckets; bucket++) {
      const count = sparse.get(bucket + 1)
      this.#dense[bucket] = count <= exactMax
        ? count
        : Math.min(255, Math.round(exactMax + stepsPerDoubling * Math.log2(count / exactMax)))
    }
    this.#sparse = undefined
  }

  /** The mean surprise of the grams of a value, in nats; a short value is drawn towards 0, for it shows little. */
  surprise(grams: ReadonlyArray<number>): number {
    const total = this.#grams + this.#distinct + 1
    const novel = Math.log((total / (this.#distinct + 1)) * buckets)
    const all = Math.log(total)
    const sparse = this.#sparse
    let sum = 0
    for (let i = 0; i < grams.length; i++) {
      const log = sparse === undefined ? denseLogs[this.#dense[grams[i]!]!]! : logOf(sparse.get(grams[i]! + 1))
      sum += log < 0 ? novel : all - log
    }
    return sum / (grams.length + shrinkage)
  }

  write(writer: Writer): void {
    writer.u32(this.#grams)
    writer.u32(this.#distinct)
    writer.u32(this.#sparse === undefined ? 1 : 0)
    if (this.#sparse === undefined) writer.words(new Uint32Array(this.#dense.buffer))
    else this.#sparse.write(writer)
  }

  read(reader: Reader): void {
    this.#grams = reader.u32()
    this.#distinct = reader.u32()
    if (reader.u32() === 0) {
      this.#sparse = new CountTable(2 * sparseMax)
      this.#sparse.read(reader)
    } else {
      this.#sparse = undefined
      this.#dense = new Uint8Array(reader.words().buffer)
      if (this.#dense.length !== buckets) reader.refuse("gram table")
    }
  }
}
