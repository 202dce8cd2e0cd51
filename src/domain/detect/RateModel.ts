import { type Arena, type Block, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { endEvidence, endWords, pushEnd } from "./Extremes.ts"
import type { Findings } from "./Findings.ts"
import type { SubjectRates } from "./SubjectRates.ts"

/** Lengths of the windows in which calls are counted, in ms: a burst shows in the first, a siege in the last. */
const windows = [1000, 5000, 20_000] as const
const slots = 10
/** Real arrivals come in clusters, so the largest count seen so far is soon passed; only a multiple of it says something. */
const margin = Math.log(1.5)
/** Smallest excess of a count that means anything, on a log scale. */
const scaleMin = 0.1

/** Calls whose time together is compared with what it usually is. At a threefold pace it takes about as many to show. */
const run = 32
/** Calls of which the fastest run is one observation. */
const runsPerValue = 16
/** Calls over which the usual pace is averaged: the hours of a day are followed, a burst is not. */
const paceHorizon = 256
/** Values that are learned of runs and of subjects before learning can end: a function is often ready sooner. */
const valuesMin = 64
/** After the function is ready, a value with more evidence than this (decades) is no longer learned. */
const suspicious = 2
/** A run must also be this much faster than the fastest learned ones, on a log scale. */
const runMargin = Math.log(1.05)
const runScaleMin = 0.05
/** Quarters of a millisecond: the unit of times, which are kept modulo 2^32. */
const ticksPerMs = 4
const tickMin = ticksPerMs
/**
 * A pause counts as at most this long (4.7 hours): of a function that is called twice a day a run takes weeks, and must not
 * pass what 32 bits hold.
 */
const pauseMax = 2 ** 31 / run

/** Calls of a subject in the last ten seconds or so, below which its pace says nothing. */
const subjectMin = 5
const subjectScaleMin = 0.2

/** The record: per window its slots and four numbers and its tail, then the runs, then the subjects. */
const newest = slots
const total = slots + 1
const peak = slots + 2
const learned = slots + 3
const ends = slots + 4
const windowWords = ends + endWords
const times = windows.length * windowWords
const seen = times + run
const pace = seen + 1
const fastest = pace + 1
const runsLearned = fastest + 1
const runEnds = runsLearned + 1
const subjectPeak = runEnds + endWords
const subjectCalls = subjectPeak + 1
const subjectLearned = subjectCalls + 1
const subjectEnds = subjectLearned + 1
/** The time of the last call in ticks, high and low half, and the clock of the runs, on which pauses are bounded. */
const lastHigh = subjectEnds + endWords
const lastLow = lastHigh + 1
const clock = lastLow + 1
const recordWords = clock + 1

/**
 * The pace of the calls of a function, on three scales. Calls per 1, 5 and 20 s against the empirical counts while
 * learning find sieges; the time of the last 32 calls against the usual pace finds a burst after about as many calls,
 * whatever the pace is; and the calls of one subject are compared with those of others. No distribution is assumed: real
 * arrivals are nothing like Poisson. One value is learned per slot of time or group of calls: the calls of one burst are
 * one observation, not hundreds (the extremal-index problem of clustered extremes: Leadbetter 1983).
 */
export class RateModel {
  readonly #arena: Arena
  readonly #subjects: SubjectRates
  #block: Block
  #frozen = false
  /** Decades of evidence in the last run of calls, and in the pace of the subject of the last call. */
  #speedUp = 0
  #level = 0

  constructor(arena: Arena, subjects: SubjectRates) {
    this.#arena = arena
    this.#subjects = subjects
    this.#block = arena.allocate(recordWords)
  }

  get bytes(): number {
    return 120 + 4 * this.#block.size
  }

  /**
   * Counts a call at `now` (epoch ms) by a subject; a time of 0 is unknown, and the call is not counted. `seed` tells
   * functions apart.
   */
  count(now: number, subject = "", seed = 0): void {
    if (!(now > 0)) return
    const { at, words } = this.#block
    for (let w = 0; w < windows.length; w++) {
      const base = at + w * windowWords
      const slot = Math.floor(now / (windows[w]! / slots)) >>> 0
      const passed = (slot - words[base + newest]!) | 0
      if (passed !== 0) this.#advance(base, slot, passed)
      const place = base + words[base + newest]! % slots
      words[place] = words[place]! + 1
      const calls = words[base + total] = words[base + total]! + 1
      if (calls > words[base + peak]!) words[base + peak] = calls
    }
    this.#countRun(now)
    this.#countSubject(now, subject, seed)
  }

  /** Moves a window on; the peak of the slot that ended is learned. A clock that steps back stays in its slot. */
  #advance(base: number, slot: number, passed: number): void {
    const { floats, words } = this.#block
    if (passed < 0 && passed > -slots) return
    if (words[base + peak]! > 0 && !this.#frozen) {
      const count = words[base + learned]!
      pushEnd(floats, base + ends, count, Math.log(words[base + peak]!))
      words[base + learned] = count + 1
    }
    if (passed < 0 || passed >= slots) {
      words.fill(0, base, base + slots)
      words[base + total] = 0
    } else {
      for (let i = 1; i <= passed; i++) {
        const place = base + (words[base + newest]! + i) % slots
        words[base + total] = words[base + total]! - words[place]!
        words[place] = 0
      }
    }
    words[base + newest] = slot
    words[base + peak] = 0
  }

  /** Advances the clock of the runs, and tells it. A clock that steps back stands still. */
  #advanceClock(now: number): number {
    const { at, words } = this.#block
    const ticks = Math.floor(now * ticksPerMs)
    const passed = ticks - words[at + lastHigh]! * 2 ** 32 - words[at + lastLow]!
    words[at + lastHigh] = Math.floor(ticks / 2 ** 32)
    words[at + lastLow] = ticks
    return words[at + clock] = (words[at + clock]! + Math.max(0, Math.min(pauseMax, passed))) >>> 0
  }

  /** The time that the last calls took, against the usual one. */
  #countRun(now: number): void {
    const tick = this.#advanceClock(now)
    const { at, floats, words } = this.#block
    const calls = words[at + seen]!
    const place = at + times + calls % run
    const took = ((tick - words[place]!) >>> 0) + tickMin
    words[place] = tick
    words[at + seen] = calls + 1
    this.#speedUp = 0
    if (calls < run) return
    const log = Math.log(took)
    const runs = calls - run + 1
    const faster = runs === 1 ? 0 : floats[at + pace]! - log
    floats[at + pace] = floats[at + pace]! + (log - floats[at + pace]!) / Math.min(runs, paceHorizon)
    // The pace itself is not known at first.
    if (runs <= run) return
    this.#speedUp = faster
    if (faster > floats[at + fastest]!) floats[at + fastest] = faster
    const count = words[at + runsLearned]!
    if (runs % runsPerValue !== 0 || this.#frozen && count >= valuesMin) return
    const most = floats[at + fastest]!
    floats[at + fastest] = 0
    if (this.#frozen && this.#faster(most) > suspicious) return
    pushEnd(floats, at + runEnds, count, most)
    words[at + runsLearned] = count + 1
  }

  #countSubject(now: number, subject: string, seed: number): void {
    this.#level = 0
    if (subject === "") return
    const { at, floats, words } = this.#block
    const level = this.#level = this.#subjects.count(subject, seed, now)
    const count = words[at + subjectLearned]!
    if (this.#frozen && count >= valuesMin) return
    if (level > floats[at + subjectPeak]!) floats[at + subjectPeak] = level
    const calls = words[at + subjectCalls] = words[at + subjectCalls]! + 1
    if (calls % runsPerValue !== 0) return
    const most = floats[at + subjectPeak]!
    floats[at + subjectPeak] = 0
    if (this.#frozen && this.#busier(most) > suspicious) return
    pushEnd(floats, at + subjectEnds, count, Math.log(most))
    words[at + subjectLearned] = count + 1
  }

  /** Decades of evidence in a run so much faster than usual, and in such a level of one subject. */
  #faster(log: number): number {
    const { at, floats, words } = this.#block
    return endEvidence(floats, at + runEnds, words[at + runsLearned]!, log - runMargin, runScaleMin)
  }

  #busier(level: number): number {
    const { at, floats, words } = this.#block
    return endEvidence(floats, at + subjectEnds, words[at + subjectLearned]!, Math.log(level) - margin, subjectScaleMin)
  }

  /** Decades of evidence in the pace of the call that was counted last. */
  evidence(now: number, findings: Findings | undefined): number {
    if (!(now > 0)) return 0
    const { at, floats, words } = this.#block
    let most = Math.max(this.#runEvidence(findings), this.#subjectEvidence(findings))
    for (let w = 0; w < windows.length; w++) {
      const base = at + w * windowWords
      const calls = words[base + total]!
      if (calls < 2) continue
      const evidence = endEvidence(floats, base + ends, words[base + learned]!, Math.log(calls) - margin, scaleMin)
      if (evidence > most) most = evidence
      if (findings !== undefined && evidence > 0) {
        const seconds = windows[w]! / 1000
        const usual = Math.round(Math.exp(floats[base + ends]!))
        findings.add("rate", "", evidence, `up to ${usual} calls in ${seconds} s`, `${calls} calls in ${seconds} s`)
      }
    }
    return most
  }

  #runEvidence(findings: Findings | undefined): number {
    if (this.#speedUp <= runMargin) return 0
    const { at, floats } = this.#block
    const evidence = this.#faster(this.#speedUp)
    if (findings !== undefined && evidence > 0) {
      const usual = `${run} calls at most ${ratio(floats[at + runEnds]!)} times as fast as usual`
      findings.add("rate", "", evidence, usual, `${run} calls ${ratio(this.#speedUp)} times as fast as usual`)
    }
    return evidence
  }

  #subjectEvidence(findings: Findings | undefined): number {
    if (this.#level < subjectMin) return 0
    const { at, floats } = this.#block
    const evidence = this.#busier(this.#level)
    if (findings !== undefined && evidence > 0) {
      const usual = `up to ${Math.round(Math.exp(floats[at + subjectEnds]!))} calls of one subject in 10 s`
      findings.add("rate", "", evidence, usual, `about ${Math.round(this.#level)} calls of this subject in 10 s`)
    }
    return evidence
  }

  /** Ends learning, of runs and subjects once there is enough of them. */
  freeze(): void {
    this.#frozen = true
  }

  /** Gives the memory back. */
  release(): void {
    this.#arena.free(this.#block)
  }

  write(writer: Writer): void {
    writer.u32(this.#frozen ? 1 : 0)
    writeBlock(writer, this.#block)
  }

  read(reader: Reader): void {
    this.#frozen = reader.u32() === 1
    this.#arena.free(this.#block)
    this.#block = this.#arena.read(reader)
    if (this.#block.size < recordWords) reader.refuse("rate model")
  }
}

const ratio = (log: number): string => Number(Math.exp(log).toPrecision(2)).toString()
