import { countMask, type CountTable, saltedKey } from "./CountTable.ts"

/** Words of a model's record: grams learned, and distinct ones. */
export const gramWords = 2
/** Buckets that a gram can fall into (16 bits). */
const buckets = 65_536
/** Ordinary grams added to those of every value. */
const shrinkage = 2
/** Logarithms of small counts, which are nearly all counts. */
const logs = Float64Array.from({ length: 1024 }, (_, count) => Math.log(count))

/**
 * Learns the hashed character 3-grams of one value of an argument, counting them under its salt. The grams come as a
 * sorted set, so the model is one of occurrence, without order. `at` is the place of the model's record in `record`.
 *
 * Source: the one-class n-gram detectors of Wang, Parekh and Stolfo, "Anagram" (RAID 2006), with counts and
 * Witten-Bell escape (method C) instead of a bit per gram.
 */
export const learnGrams = (
  table: CountTable,
  salt: number,
  record: Uint32Array,
  at: number,
  grams: ReadonlyArray<number>
): void => {
  record[at] = record[at]! + grams.length
  for (let i = 0; i < grams.length; i++) {
    if (table.add(saltedKey(salt, grams[i]!), 1) === 0) record[at + 1] = record[at + 1]! + 1
  }
}

/** The mean surprise of the grams of a value, in nats; a short value is drawn towards 0, for it shows little. */
export const gramSurprise = (
  table: CountTable,
  salt: number,
  record: Uint32Array,
  at: number,
  grams: ReadonlyArray<number>
): number => {
  const distinct = Math.min(record[at + 1]!, buckets - 1)
  const total = record[at]! + distinct + 1
  const all = Math.log(total)
  const novel = Math.log((total / (distinct + 1)) * buckets)
  let sum = 0
  for (let i = 0; i < grams.length; i++) {
    const count = table.get(saltedKey(salt, grams[i]!)) & countMask
    sum += count === 0 ? novel : all - (count < 1024 ? logs[count]! : Math.log(count))
  }
  return sum / (grams.length + shrinkage)
}
