import { tailEvidence } from "./TailFit.ts"

/** Values kept of a tail: what it rests on, and the words that it takes. */
export const endWords = 8
/** Fewest values before a tail says anything. */
const ready = 16

/**
 * The eight largest of all values seen, largest first, in eight floats at `at`: the upper tail of a quantity, whatever
 * its distribution is below. The lower tail is the upper one of the negated values. Evidence begins beyond the eighth.
 *
 * Source: tail estimation from upper order statistics (Hill 1975; Pickands 1975).
 */
export const pushEnd = (ends: Float32Array, at: number, count: number, exact: number): void => {
  const value = Math.fround(exact)
  const last = at + endWords - 1
  if (count >= endWords && !(value > ends[last]!)) return
  let place = count < endWords ? at + count : last
  while (place > at && ends[place - 1]! < value) {
    ends[place] = ends[place - 1]!
    place--
  }
  ends[place] = value
}

/**
 * True among the seven largest values where the largest came less than four times: there values are few and apart, and a
 * new one between or behind them is no wonder. Where the largest came again and again, the end of the range is known.
 */
export const atSparseEnd = (ends: Float32Array, at: number, exact: number): boolean =>
  ends[at]! > ends[at + endWords / 2 - 1]! && Math.fround(exact) > ends[at + endWords - 1]!

/**
 * Decades of evidence that a normal value is at least this large, `count` values having been pushed; `scaleMin` is the
 * smallest mean excess that counts.
 */
export const endEvidence = (ends: Float32Array, at: number, count: number, exact: number, scaleMin: number): number => {
  const threshold = ends[at + endWords - 1]!
  const excess = Math.fround(exact) - threshold
  if (!(excess > 0) || count < ready) return 0
  let sum = 0
  for (let i = at; i < at + endWords; i++) sum += ends[i]! - threshold
  return tailEvidence(excess, Math.max(scaleMin, sum / endWords), endWords, count)
}
