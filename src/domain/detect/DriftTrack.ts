import { type Arena, type Block, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"

/** Values over which the levels are averaged: a jump shows against the first, a slow rise against the last. */
const horizons = [1, 4, 16, 64, 256, 1024] as const
/** The evidence of a value is the mean over this many horizons, the most surprised ones: one alone may be chance. */
const loudest = 3
/** Weight of the newest value in the smoothed evidence: what holds for two values says more than what holds for one. */
const smoothing = 0.5
/** After evidence was given, only more than this multiple of it is news, and that fades over as many values. */
const refractoryMargin = 1.1
const refractoryValues = 200
/** Residuals of a horizon before it says anything, and evidence of a first change in what never changed. */
const ready = 20
const firstChange = 3
/** Residuals over which their usual size is averaged. At twice as many, counts are halved: what is old weighs less. */
const memory = 2048
/** Bins of the logarithm of |residual| / usual size: two per octave, from 1/16 to 256. */
const bins = 24
const binsPerOctave = 2
const lowestOctave = -4
/** Decades that a tail falls per bin beyond all that was seen: a power law with exponent 2 (Pareto tails of real loads). */
const decadesPerBin = 2 * Math.LOG10E * Math.LN2 / binsPerOctave
/** What a value beyond all that were seen counts as: half a residual. */
const unseen = 0.5

/** The record: values, smoothed evidence and what is no news; then per horizon its level; then its two tails. */
const values = 0
const smoothed = 1
const threshold = 2
const levels = 3
const tails = levels + horizons.length
/** Of a tail: residuals ever, residuals counted, usual size, and the bins, two to a word. */
const seen = 0
const counted = 1
const usual = 2
const counts = 3
const tailWords = counts + bins / 2
const recordWords = tails + 2 * horizons.length * tailWords

const loud = new Float64Array(loudest)

/** Puts a surprise among the loudest. */
const rank = (surprise: number): void => {
  let at = loudest
  while (at > 0 && loud[at - 1]! < surprise) {
    if (at < loudest) loud[at] = loud[at - 1]!
    at--
  }
  if (at < loudest) loud[at] = surprise
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
  push(value: number): void {
    const { at, floats, words } = this.#block
    const count = words[at + values] = words[at + values]! + 1
    this.#evidence = 0
    if (count === 1) {
      for (let h = 0; h < horizons.length; h++) floats[at + levels + h] = value
      return
    }
    loud.fill(0)
    let most = 0
    for (let h = 0; h < horizons.length; h++) {
      const level = floats[at + levels + h]!
      const residual = value - level
      const tail = at + tails + (2 * h + (residual < 0 ? 1 : 0)) * tailWords
      const surprise = this.#surprise(tail, Math.abs(residual))
      rank(surprise)
      if (surprise > most) {
        most = surprise
        this.#horizon = horizons[h]!
        this.#level = level
      }
      floats[at + levels + h] = level + residual / Math.min(count, horizons[h]!)
    }
    let sum = 0
    for (let i = 0; i < loudest; i++) sum += loud[i]!
    const now = floats[at + smoothed] = floats[at + smoothed]! + (sum / loudest - floats[at + smoothed]!) * smoothing
    const old = floats[at + threshold]! * Math.exp(-1 / refractoryValues)
    if (now > old) this.#evidence = now
    floats[at + threshold] = now > old ? refractoryMargin * now : old
  }

  /** Decades of surprise in a distance; learns it. */
  #surprise(tail: number, distance: number): number {
    const { floats, words } = this.#block
    const before = words[tail + seen]!
    const size = floats[tail + usual]!
    const scaled = size > 0 && distance > 0 ? (Math.log2(distance / size) - lowestOctave) * binsPerOctave : -1
    const place = Math.min(bins - 0.001, Math.max(0, scaled))
    const surprise = before < ready ? 0 : size === 0 ? (distance > 0 ? firstChange : 0) : this.#rarity(tail, place)
    words[tail + seen] = before + 1
    floats[tail + usual] = size + (distance - size) / Math.min(before + 1, memory)
    if (size > 0) this.#count(tail, Math.floor(place))
    return surprise
  }

  /** Decades by which distances beyond a place on the scale are rare. */
  #rarity(tail: number, place: number): number {
    const { words } = this.#block
    const bin = Math.floor(place)
    let above = 0
    for (let i = bins - 1; i > bin; i--) above += this.#bin(tail, i)
    const inside = this.#bin(tail, bin)
    const share = above + inside * (1 - (place - bin))
    let rarity = -Math.log10((share + unseen) / (words[tail + counted]! + 1))
    if (above === 0 && inside === 0) {
      let last = bin
      while (last > 0 && this.#bin(tail, last - 1) === 0) last--
      rarity += (place - last) * decadesPerBin
    }
    return rarity
  }

  #bin(tail: number, bin: number): number {
    return (this.#block.words[tail + counts + (bin >> 1)]! >>> ((bin & 1) << 4)) & 0xffff
  }

  #count(tail: number, bin: number): void {
    const { words } = this.#block
    const place = tail + counts + (bin >> 1)
    words[place] = words[place]! + (1 << ((bin & 1) << 4))
    words[tail + counted] = words[tail + counted]! + 1
    if (words[tail + counted]! < 2 * memory) return
    let sum = 0
    for (let i = counts; i < tailWords; i++) {
      const halved = words[tail + i] = (words[tail + i]! >>> 1) & 0x7fff7fff
      sum += (halved & 0xffff) + (halved >>> 16)
    }
    words[tail + counted] = sum
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
