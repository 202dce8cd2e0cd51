import type { Arena, Block } from "./Arena.ts"
import { tailEvidence, tailScale } from "./TailFit.ts"

/** First scores of a model, left out: they say only that everything was new. */
const warmup = 32
/** Fewest scores before a tail says anything. */
const ready = 16
const sizeMin = 16
const sizeMax = 1024
/** The newest share of all scores that stands for normal: the older ones come from a model that knew less. */
const share = 4
/** Part of the scores above which the tail is fitted. */
const tailShare = 10
const tailMin = 8
/** What is known of a scale before, in values. */
const known = 8

/** What is known of the tails of both scores, in units of each. */
export interface TailPriors {
  /** Usual mean excesses: what the tails of small samples are drawn to. */
  readonly scale: readonly [number, number]
  /** Smallest mean excesses that a tail may have. */
  readonly scaleMin: readonly [number, number]
}

/** Words of the record of two tails: counts that they share, then threshold and scale (floats) of each. */
export const tailsWords = 10
const scores = 0
const held = 1
const next = 2
const refreshAt = 3
const size = 4
const tail = 5
const threshold = 6
const scale = 8

const sorted = new Float32Array(sizeMax)

/**
 * Two scores of each normal value while it is learned, and so how improbable a more surprising value is: the newest
 * quarter of them is kept in a ring, of which only the fitted upper tails stay when learning ends. Adds the scores of
 * one value to the record at `at` and answers the ring.
 */
export const pushScores = (
  arena: Arena,
  ring: Block | undefined,
  record: Block,
  at: number,
  pair: readonly [number, number],
  priors: TailPriors
): Block | undefined => {
  const words = record.words
  const count = words[at + scores] = words[at + scores]! + 1
  if (count <= warmup) return ring
  let values = ring ?? arena.allocate(2 * sizeMin)
  const wanted = Math.min(sizeMax, Math.max(sizeMin, Math.ceil(count / share)))
  let place = words[at + held]!
  if (place < wanted) {
    if (2 * place + 2 > values.size) values = arena.grow(values, values.size * 2)
    words[at + held] = place + 1
  } else {
    place = words[at + next]!
    words[at + next] = (place + 1) % words[at + held]!
  }
  values.floats[values.at + 2 * place] = pair[0]
  values.floats[values.at + 2 * place + 1] = pair[1]
  if (count >= Math.max(warmup + ready, words[at + refreshAt]!)) fitTails(values, record, at, priors)
  return values
}

/** Fits both tails to the scores in the ring. */
export const fitTails = (ring: Block, record: Block, at: number, priors: TailPriors): void => {
  const words = record.words
  const values = words[at + held]!
  const count = words[at + scores]!
  words[at + refreshAt] = count + Math.max(8, count >>> 3)
  words[at + size] = values
  if (values < ready) return
  const fitted = words[at + tail] = Math.max(tailMin, Math.floor(values / tailShare))
  const column = sorted.subarray(0, values)
  for (let which = 0; which < 2; which++) {
    for (let i = 0; i < values; i++) column[i] = ring.floats[ring.at + 2 * i + which]!
    column.sort()
    const above = column[values - fitted]!
    let excess = 0
    for (let i = values - fitted; i < values; i++) excess += column[i]! - above
    record.floats[at + threshold + which] = above
    const usual = tailScale(excess, fitted, priors.scale[which]!, known)
    record.floats[at + scale + which] = Math.max(priors.scaleMin[which]!, usual)
  }
}

/** Decades of evidence that a normal score, the first (0) or the second (1), is at least this large. */
export const tailAbove = (record: Block, at: number, which: 0 | 1, score: number): number => {
  const words = record.words
  if (words[at + size]! < ready) return 0
  const excess = Math.fround(score) - record.floats[at + threshold + which]!
  return excess <= 0
    ? 0
    : tailEvidence(excess, record.floats[at + scale + which]!, words[at + tail]!, words[at + size]!, known)
}

/** False where the numbers of a record from a snapshot cannot be those of this ring. */
export const tailsFit = (record: Block, at: number, ring: Block | undefined): boolean => {
  const values = record.words[at + held]!
  if (ring === undefined) return true
  return values <= sizeMax && 2 * values <= ring.size && record.words[at + next]! < Math.max(1, values)
}
