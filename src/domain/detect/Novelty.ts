import { type CountTable, saltedKey } from "./CountTable.ts"

/** Words of a model's record: values learned, the share of new ones (a float), distinct ones, those seen once. */
export const noveltyWords = 4
/** Calls over which the share of new values is averaged, and the newest part of fewer that counts. */
const horizon = 1024
const newest = 4
/** Share of new values above which a set is open, and its values are no longer kept. */
const openShare = 0.4
const openAfter = 32
/** What a new value counts as where none was new of late, in calls: a set that code closes gets no new ones from traffic. */
const valuePrior = 0.1
/** Most distinct values of a closed set. */
const distinctMax = 1024

/** True where so many values were new that a new one says nothing. */
const open = (record: Uint32Array, floats: Float32Array, at: number): boolean =>
  record[at + 2]! >= distinctMax || record[at]! >= openAfter && floats[at + 1]! > openShare

/**
 * Learns one of a set of hashed values: how closed the set is says what a value never seen before means. In a field that
 * took three values in 800 calls a fourth is odd, in a field of names it is not.
 *
 * Source: the probability of a novel symbol (Witten and Bell 1991), taken over the recent past, because closed sets
 * show all their values early; but no less than the share of values seen only once (Good 1953), because a set of many
 * rare values may show none that is new for a while. `record` and `floats` are the same words, the model's at `at`.
 */
export const learnValue = (
  table: CountTable,
  salt: number,
  record: Uint32Array,
  floats: Float32Array,
  at: number,
  hash: number
): void => {
  const count = record[at] = record[at]! + 1
  if (open(record, floats, at)) return
  const before = table.add(saltedKey(salt, hash), 1)
  const fresh = before === 0
  if (fresh) record[at + 2] = record[at + 2]! + 1
  if (before < 2) record[at + 3] = Math.max(0, record[at + 3]! + (fresh ? 1 : -1))
  floats[at + 1] = floats[at + 1]! +
    ((fresh ? 1 : 0) - floats[at + 1]!) / Math.min(Math.max(1, count / newest), horizon)
}

/** Decades of evidence in a value: 0 for one seen before. `prior`: what a new one counts as, in calls. */
export const novelty = (
  table: CountTable,
  salt: number,
  record: Uint32Array,
  floats: Float32Array,
  at: number,
  hash: number,
  prior = valuePrior
): number => {
  const count = record[at]!
  if (count === 0 || open(record, floats, at) || table.get(saltedKey(salt, hash)) > 0) return 0
  const share = Math.max(floats[at + 1]!, record[at + 3]! / count, prior / Math.min(count, horizon))
  return -Math.log10(Math.min(1, share))
}

/** Distinct values learned while the set was closed. */
export const distinctValues = (record: Uint32Array, at: number): number => record[at + 2]!
