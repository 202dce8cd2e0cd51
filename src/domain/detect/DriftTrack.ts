import { type Arena, type Block, blockWords, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import {
  clearProfile,
  clockWords,
  expectedIn,
  hourEnded,
  hourOf,
  profileWords,
  pushHour,
  turnHour
} from "./HourProfile.ts"
import { streamTail, streamTailWords } from "./StreamTail.ts"

/** Values over which the levels are averaged: a jump shows against the first, a slow rise against the last. */
const horizons = [1, 8, 64, 512] as const
/** Values over which steps are averaged: the first and the second against the third and the fourth. */
const strides = [16, 64, 256, 1024] as const
const longStride = strides.length / 2
/** Share of the usual step added to both means: a smaller one is none, and a ratio of two such is noise. */
const stepFloor = 0.01
/** Ways to look at a number: levels, steps, hour of the day and hour of the week. */
const stepViews = horizons.length
const hourViews = stepViews + longStride
const views = hourViews + 2

/** Weight of the newest value in the smoothed evidence: what holds for two values says more than what holds for one. */
const smoothing = 0.4
/** After evidence was given, only more than this multiple of it is news ... */
const refractoryMargin = 1.2
/**
 * ... and that fades over a fifth of the values so far: what comes back every day is news in the first weeks,
 * and less and less of it later. Of the values at most these count, so that nobody buys silence for good with one alarm.
 */
const refractoryShare = 0.2
const refractoryValues = 65_536
/** Values over which the size of steps and the spread are averaged. */
const memory = 2048

/** Values before they can be called a series, and the von Neumann ratio (of independent values: 2) below which they are. */
const serialFrom = 48
const serialRatio = 1
/** Largest number that is followed: its square must be a 32-bit float. */
const largest = 1e18

/**
 * The record: values, smoothed evidence and what is no news; mean squares of steps and of distances from the
 * slowest level, and whether learning ended (2: as a series, 1: not); the levels, the mean steps and the clock; two tails
 * per view, those of the hours last; the profile of the hours. What belongs to hours is there from the second one on.
 */
const values = 0
const smoothed = 1
const threshold = 2
const steps = 3
const spread = 4
const frozen = 5
const levels = 6
const strideMeans = levels + horizons.length
const clock = strideMeans + strides.length
const tails = clock + clockWords
const briefWords = tails + 2 * hourViews * streamTailWords
const profile = tails + 2 * views * streamTailWords
const recordWords = profile + profileWords

/** Of the value in hand, per view: how probable it is, what was expected and what was found. */
const chances = new Float64Array(views)
const expectations = new Float64Array(views)
const sights = new Float64Array(views)

/**
 * Follows one number over time and says how surprising each value is, and whether that is news. It looks at the number in
 * eight ways: its distance from its own recent levels on four horizons; how much its steps have grown or shrunk, which
 * finds what a level does not show (a flat line, a storm); and its distance from what the hour of the day and of the week
 * lets expect. Each distance is compared with those before it, upwards and downwards apart, and the two most surprised
 * views count. It learns from every value, because a level that changed for good is the new level; what a patient
 * attacker could teach it is kept in check by the frozen range of the argument.
 *
 * Sources: multi-scale exponentially weighted means (Roberts 1959); short-term against long-term averages (Allen,
 * "Automatic earthquake recognition", 1978); seasonal profiles (Holt 1957; Winters 1960); runs of alarms as one
 * (declustering: Leadbetter 1983).
 */
export class DriftTrack {
  readonly #arena: Arena
  #block: Block
  #evidence = 0
  /** The most surprised view, what it had expected and what it found. */
  #view = 0
  #expected = 0
  #found = 0

  constructor(arena: Arena) {
    this.#arena = arena
    this.#block = arena.allocate(briefWords)
  }

  get bytes(): number {
    return 64 + 4 * this.#block.size
  }

  /** Decades of evidence in the last value. */
  get evidence(): number {
    return this.#evidence
  }

  /** What the most surprised view had expected of the last value, and what it saw. */
  get explanation(): { readonly expected: string; readonly seen: string } {
    const expected = Number(this.#expected.toPrecision(3))
    const seen = String(Number(this.#found.toPrecision(4)))
    const view = this.#view
    if (view >= hourViews) {
      return { expected: `near ${expected} at this hour of the ${view === hourViews ? "day" : "week"}`, seen }
    }
    if (view >= stepViews) {
      const short = strides[view - stepViews]!
      return {
        expected: `steps of about ${expected}, the mean of the last ${strides[view - stepViews + longStride]} calls`,
        seen: `steps of about ${seen} in the last ${short} calls`
      }
    }
    const horizon = horizons[view]!
    return {
      expected: horizon === 1
        ? `steps as before from ${expected}`
        : `near ${expected}, the level of the last ${horizon} calls`,
      seen
    }
  }

  /** Compares a value with those before it, and learns it. `time` is in epoch ms; 0: unknown. */
  push(exact: number, time: number): void {
    const value = Math.max(-largest, Math.min(largest, exact))
    const { at, floats, words } = this.#block
    const count = words[at + values] = words[at + values]! + 1
    this.#evidence = 0
    chances.fill(1)
    if (count === 1) {
      for (let h = 0; h < horizons.length; h++) floats[at + levels + h] = value
    } else {
      if (words[at + frozen] === 0) learnSpread(floats, at, value, count)
      followSteps(words, floats, at, Math.abs(value - floats[at + levels]!), count)
      followLevels(words, floats, at, value, count)
    }
    if (time > 0) this.#followHours(value, time)
    this.#weigh(count)
  }

  #followHours(value: number, time: number): void {
    const now = hourOf(time)
    if (hourEnded(this.#block.words, this.#block.at + clock, now)) this.#turnHour(now)
    const { at, floats, words } = this.#block
    if (this.#block.size >= recordWords) {
      for (let view = hourViews; view < views; view++) {
        const expected = expectedIn(floats, at + profile, view - hourViews)
        if (!Number.isNaN(expected)) look(words, floats, at, view, value - expected, expected, value)
      }
    }
    pushHour(words, floats, at + clock, now, value)
  }

  #turnHour(now: number): void {
    if (this.#block.size < recordWords) {
      this.#block = this.#arena.grow(this.#block, recordWords)
      clearProfile(this.#block.floats, this.#block.at + profile)
    }
    const { at, floats, words } = this.#block
    turnHour(words, floats, at + clock, at + profile, now)
  }

  /** Smooths the surprise of the two most surprised views, and sees whether it is news. */
  #weigh(count: number): void {
    let view = 0
    let least = 1
    let second = 1
    for (let v = 0; v < views; v++) {
      const chance = chances[v]!
      if (chance >= second) continue
      if (chance < least) {
        second = least
        least = chance
        view = v
      } else {
        second = chance
      }
    }
    const { at, floats } = this.#block
    const surprise = -Math.log10(least * second) / 2
    const now = floats[at + smoothed] = floats[at + smoothed]! + (surprise - floats[at + smoothed]!) * smoothing
    const fading = 1 / (refractoryShare * Math.min(count, refractoryValues))
    const old = floats[at + threshold]! * Math.max(0, 1 - fading)
    if (now <= old) {
      floats[at + threshold] = old
      return
    }
    floats[at + threshold] = refractoryMargin * now
    this.#evidence = now
    this.#view = view
    this.#expected = expectations[view]!
    this.#found = sights[view]!
  }

  /** The last value is none of these: it says nothing, and the levels stay. */
  skip(): void {
    this.#evidence = 0
  }

  /** Whether values depend on those before them, as levels do and amounts do not (von Neumann 1941). */
  get serial(): boolean {
    const { at, floats, words } = this.#block
    if (words[at + frozen] !== 0) return words[at + frozen] === 2
    return words[at + values]! >= serialFrom && floats[at + steps]! < serialRatio * floats[at + spread]!
  }

  /** Ends learning whether it is a series: who may teach that could switch the range off. */
  freeze(): void {
    const { at, words } = this.#block
    words[at + frozen] = this.serial ? 2 : 1
  }

  /** Gives the memory back. */
  release(): void {
    this.#arena.free(this.#block)
  }

  write(writer: Writer): void {
    writeBlock(writer, this.#block)
  }

  read(reader: Reader): void {
    this.#arena.free(this.#block)
    this.#block = this.#arena.read(reader)
    const { size } = this.#block
    if (size !== blockWords(briefWords) && size !== blockWords(recordWords)) reader.refuse("drift")
  }
}

/** One view: how improbable a distance is among those before it. */
const look = (
  words: Uint32Array,
  floats: Float32Array,
  at: number,
  view: number,
  distance: number,
  expected: number,
  found: number
): void => {
  const tail = at + tails + (2 * view + (distance < 0 ? 1 : 0)) * streamTailWords
  chances[view] = streamTail(words, floats, tail, distance < 0 ? -distance : distance)
  expectations[view] = expected
  sights[view] = found
}

const followLevels = (words: Uint32Array, floats: Float32Array, at: number, value: number, count: number): void => {
  for (let h = 0; h < horizons.length; h++) {
    const level = floats[at + levels + h]!
    look(words, floats, at, h, value - level, level, value)
    floats[at + levels + h] = level + (value - level) / Math.min(count, horizons[h]!)
  }
}

const followSteps = (words: Uint32Array, floats: Float32Array, at: number, step: number, count: number): void => {
  const means = at + strideMeans
  for (let s = 0; s < strides.length; s++) {
    floats[means + s] = floats[means + s]! + (step - floats[means + s]!) / Math.min(count - 1, strides[s]!)
  }
  const floor = stepFloor * floats[means + strides.length - 1]!
  if (!(floor > 0)) return
  for (let s = 0; s < longStride; s++) {
    if (count <= strides[s]!) return
    const short = floats[means + s]!
    const long = floats[means + s + longStride]!
    const ratio = (short + floor) / (long + floor)
    look(words, floats, at, stepViews + s, Math.log2(ratio), long, short)
  }
}

const learnSpread = (floats: Float32Array, at: number, value: number, count: number): void => {
  const step = value - floats[at + levels]!
  const distance = value - floats[at + levels + horizons.length - 1]!
  const weight = 1 / Math.min(count, memory)
  floats[at + steps] = floats[at + steps]! + (step * step - floats[at + steps]!) * weight
  floats[at + spread] = floats[at + spread]! + (distance * distance - floats[at + spread]!) * weight
}
