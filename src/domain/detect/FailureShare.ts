import type { Block } from "./Arena.ts"
import { endEvidence, endWords, pushEnd } from "./Extremes.ts"

/** Outcomes that are looked at together: the bits of one word. */
export const failureRun = 32
/** Outcomes of which the worst run is one value to learn: failures come in clusters, and one outage is one event. */
const group = 16
/** How far beyond the worst so far a share must lie, on its scale: outages recur, and the next one is often a bit worse. */
const margin = 0.2
/** Smallest mean excess of a share that counts, on its scale: half of what chance moves a share by. */
const scaleMin = 0.04
/** A judged function does not learn shares with more evidence than this (decades). */
const suspicious = 2

/** The record: the last outcomes (1: not a success), how many there were, the worst run of the group, groups, their ends. */
const ring = 0
const seen = 1
const worst = 2
const groups = 3
const ends = 4
export const failureWords = ends + endWords

const ones = (word: number): number => {
  let left = word - ((word >>> 1) & 0x55555555)
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333)
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** The scale on which chance moves every share by the same amount (the angle of Fisher 1922; Anscombe 1948). */
const angle = (failures: number): number => Math.asin(Math.sqrt(failures / failureRun))

/** Notes how a call ended, whatever becomes of it. */
export const noteOutcome = ({ words }: Block, at: number, failed: boolean): void => {
  words[at + ring] = (words[at + ring]! << 1) | (failed ? 1 : 0)
  words[at + seen] = words[at + seen]! + 1
  const failures = ones(words[at + ring]!)
  if (failures > words[at + worst]!) words[at + worst] = failures
}

/** Failures among the last outcomes. */
export const recentFailures = ({ words }: Block, at: number): number => ones(words[at + ring]!)

/** Learns the worst run of each group; of a judged function only where it is nothing remarkable. */
export const learnFailures = ({ floats, words }: Block, at: number, judged: boolean): void => {
  if (words[at + seen]! % group !== 0) return
  const failures = words[at + worst]!
  words[at + worst] = 0
  if (judged && shareEvidence(floats, words, at, failures) > suspicious) return
  pushEnd(floats, at + ends, words[at + groups]!, angle(failures))
  words[at + groups] = words[at + groups]! + 1
}

const shareEvidence = (floats: Float32Array, words: Uint32Array, at: number, failures: number): number =>
  endEvidence(floats, at + ends, words[at + groups]!, angle(failures) - margin, scaleMin)

/** Decades of evidence in the share of the last calls that failed: the empirical worst, no rate and no independence assumed. */
export const failureEvidence = ({ floats, words }: Block, at: number): number =>
  shareEvidence(floats, words, at, ones(words[at + ring]!))

/** The most failures of a run while learning. */
export const usualFailures = ({ floats }: Block, at: number): number =>
  Math.round(failureRun * Math.sin(floats[at + ends]!) ** 2)
