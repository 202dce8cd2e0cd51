import { type Arena, type Block, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"

/** Values over which the levels are averaged: a jump shows against the first, a slow rise against the last. */
const horizons = [1, 4, 16, 64, 256, 1024] as const
/** The evidence of a value is the mean over this many horizons, the most surprised ones: one alone may be chance. */
const loudest = 3
/** Weight of the newest value in the smoothed evidence: what holds for two values says more than what holds for one. */
const smoothing = 0.5
/** After evidence was given, only more than this multiple of it is news, and that fades over 200 values. */
const refractoryMargin = 1.1
const refractoryKept = Math.exp(-1 / 200)
/** Residuals of a horizon before it says anything, and the probability of a first change in what never changed. */
const ready = 20
const firstChange = 0.001
/** Residuals over which their usual size is averaged. At twice as many, counts are halved: what is old weighs less. */
const memory = 2048
/** Bins of the logarithm of |residual| / usual size: three per octave, from 1/4 to 160. */
const bins = 28
const binsPerOctave = 3
const lowestOctave = -2
/** Halvings of a tail per bin beyond all that was seen: a power law with exponent 2 (Pareto tails of real loads). */
const octavesPerBin = 2 / binsPerOctave
/** What a value beyond all that were seen counts as: half a residual. */
const unseen = 0.5
/** A relative change of the usual distance that moves none of the others to another bin worth the name. */
const sameScale = 0.001

/** Values before they can be called a series, and the von Neumann ratio (of independent values: 2) below which they are. */
const serialFrom = 48
const serialRatio = 1
/** Largest number that is followed: its square must be a 32-bit float. */
const largest = 1e18

/**
 * The record: values, smoothed evidence and what is no news; mean squares of steps and of distances from the
 * slowest level, and whether learning ended (2: as a series, 1: not); then per horizon its level; then its two tails.
 */
const values = 0
const smoothed = 1
const threshold = 2
const steps = 3
const spread = 4
const frozen = 5
const levels = 6
const tails = levels + horizons.length
/** Of a tail: residuals ever, residuals counted, usual size, and the bins, two to a word. */
const seen = 0
const counted = 1
const usual = 2
const counts = 3
const tailWords = counts + bins / 2
const recordWords = tails + 2 * horizons.length * tailWords

/** The smallest probabilities, smallest first: their product needs one logarithm. */
const rarest = new Float64Array(loudest)

const rank = (probability: number): void => {
  let at = loudest
  while (at > 0 && rarest[at - 1]! > probability) {
    if (at < loudest) rarest[at] = rarest[at - 1]!
    at--
  }
  if (at < loudest) rarest[at] = probability
}

/**
 * Follows one number over time: how far each value lies from its own recent levels on six horizons, how surprising that
 * is among the distances so far, and whether it is news. It learns from every value, because a level that changed for
 * good is the new level; what a patient attacker could teach it is kept in check by the frozen range of the argument.
 *
 * Sources: multi-scale exponentially weighted means (Roberts 1959); streaming tail counts with forgetting
 * (Cormode et al., "Forward decay", ICDE 2009); runs of alarms as one (declustering: Leadbetter 1983).
 */
export class DriftTrack {
  readonly #arena: Arena
  #block: Block
  #evidence = 0
  /** The horizon that was most surprised, and its level before the value. */
  #horizon = 0
  #level = 0

  constructor(arena: Arena) {
    this.#arena = arena
    this.#block = arena.allocate(recordWords)
  }

  get bytes(): number {
    return 64 + 4 * this.#block.size
  }

  /** Decades of evidence in the last value. */
  get evidence(): number {
    return this.#evidence
  }

  /** Values over which the level is averaged that the last value was farthest from. */
  get horizon(): number {
    return this.#horizon
  }

  /** That level, before the last value. */
  get level(): number {
    return this.#level
  }

  /** Compares a value with the levels before it, and learns it. */
  push(exact: number): void {
    const value = Math.max(-largest, Math.min(largest, exact))
    const { at, floats, words } = this.#block
    const count = words[at + values] = words[at + values]! + 1
    this.#evidence = 0
    if (count === 1) {
      for (let h = 0; h < horizons.length; h++) floats[at + levels + h] = value
      return
    }
    this.#learnSpread(value, count)
    rarest.fill(1)
    let least = 1
    for (let h = 0; h < horizons.length; h++) {
      const level = floats[at + levels + h]!
      const residual = value - level
      const tail = at + tails + (2 * h + (residual < 0 ? 1 : 0)) * tailWords
      const probability = probabilityOf(words, floats, tail, residual < 0 ? -residual : residual)
      rank(probability)
      if (probability < least) {
        least = probability
        this.#horizon = horizons[h]!
        this.#level = level
      }
      floats[at + levels + h] = level + residual / Math.min(count, horizons[h]!)
    }
    const surprise = -Math.log10(rarest[0]! * rarest[1]! * rarest[2]!) / loudest
    const now = floats[at + smoothed] = floats[at + smoothed]! + (surprise - floats[at + smoothed]!) * smoothing
    const old = floats[at + threshold]! * refractoryKept
    if (now > old) this.#evidence = now
    floats[at + threshold] = now > old ? refractoryMargin * now : old
  }

  /** The last value is none of these: it says nothing, and the levels stay. */
  skip(): void {
    this.#evidence = 0
  }

  #learnSpread(value: number, count: number): void {
    const { at, floats, words } = this.#block
    if (words[at + frozen] !== 0) return
    const step = value - floats[at + levels]!
    const distance = value - floats[at + levels + horizons.length - 1]!
    const weight = 1 / Math.min(count, memory)
    floats[at + steps] = floats[at + steps]! + (step * step - floats[at + steps]!) * weight
    floats[at + spread] = floats[at + spread]! + (distance * distance - floats[at + spread]!) * weight
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
    if (this.#block.size < recordWords) reader.refuse("drift")
  }
}

/** How probable a distance is that is at least as large; learns it. */
const probabilityOf = (words: Uint32Array, floats: Float32Array, tail: number, distance: number): number => {
  const before = words[tail + seen]!
  const size = floats[tail + usual]!
  const place = size > 0 ? placeOf(distance, size) : 0
  let probability = 1
  if (before >= ready && distance > 0) probability = size > 0 ? share(words, tail, place) : firstChange
  words[tail + seen] = before + 1
  // Distances are counted on the scale that they themselves moved: an outlier makes itself a little smaller.
  const step = (distance - size) / (before < memory ? before + 1 : memory)
  const learned = floats[tail + usual] = size + step
  if (learned > 0) {
    const moved = step > size * sameScale || step < -size * sameScale
    count(words, tail, Math.floor(moved ? placeOf(distance, learned) : place))
  }
  return probability
}

/** The share of distances beyond a place on the scale, counted from the nearer end. */
const share = (words: Uint32Array, tail: number, place: number): number => {
  const bin = Math.floor(place)
  const own = tail + counts + (bin >> 1)
  const inside = countOf(words, tail, bin)
  const all = words[tail + counted]!
  let above = 0
  if (bin < bins / 2) {
    above = all - inside - ((bin & 1) === 0 ? 0 : words[own]! & 0xffff)
    for (let at = tail + counts; at < own; at++) above -= (words[at]! & 0xffff) + (words[at]! >>> 16)
  } else {
    above = (bin & 1) === 0 ? words[own]! >>> 16 : 0
    for (let at = own + 1; at < tail + tailWords; at++) above += (words[at]! & 0xffff) + (words[at]! >>> 16)
  }
  const seenShare = (above + inside * (1 - (place - bin)) + unseen) / (all + 1)
  if (above > 0 || inside > 0) return seenShare
  let last = bin
  while (last > 0 && countOf(words, tail, last - 1) === 0) last--
  return seenShare * 2 ** ((last - place) * octavesPerBin)
}

const count = (words: Uint32Array, tail: number, bin: number): void => {
  const place = tail + counts + (bin >> 1)
  words[place] = words[place]! + (1 << ((bin & 1) << 4))
  words[tail + counted] = words[tail + counted]! + 1
  if (words[tail + counted]! < 2 * memory) return
  let sum = 0
  for (let at = tail + counts; at < tail + tailWords; at++) {
    const halved = words[at] = (words[at]! >>> 1) & 0x7fff7fff
    sum += (halved & 0xffff) + (halved >>> 16)
  }
  words[tail + counted] = sum
}

/** Where a distance lies among the bins, given the usual one. */
const placeOf = (distance: number, size: number): number =>
  distance > 0 ? Math.min(bins - 0.001, Math.max(0, (Math.log2(distance / size) - lowestOctave) * binsPerOctave)) : 0

const countOf = (words: Uint32Array, tail: number, bin: number): number =>
  (words[tail + counts + (bin >> 1)]! >>> ((bin & 1) << 4)) & 0xffff
