import { type ArgumentFeatures, argumentTypes } from "../CallFeatures.ts"
import { symbolName } from "../features/Symbols.ts"
import { type Arena, type Block, writeBlock } from "./Arena.ts"
import * as Layout from "./ArgumentRecord.ts"
import type { Reader, Writer } from "./Bytes.ts"
import type { CountTable } from "./CountTable.ts"
import { atSparseEnd, endEvidence, endWords, pushEnd } from "./Extremes.ts"
import { type Findings, placeName } from "./Findings.ts"
import { gramSurprise, learnGrams } from "./GramModel.ts"
import { followedMargin, logScale, unscale, withinWidths } from "./MagnitudeScale.ts"
import { distinctValues, learnValue, novelty } from "./Novelty.ts"
import { learnShape, shapeSurprise } from "./ShapeModel.ts"
import { fitTails, pushScores, tailAbove, type TailPriors, tailsFit } from "./TailSample.ts"
import { TopFive } from "./TopFive.ts"
import { formOf, hasForms, hasMagnitude, hasSize, isCounted, typeCode } from "./ValueTraits.ts"

/**
 * What a type that an argument never had counts as, in calls: types change with deployments, not with traffic, and one
 * new type must not drown in the surprise that texts of ordinary traffic hold every day.
 */
const typePrior = 0.001
/**
 * Of shape surprise and mean gram surprise (nats): the usual mean excess, about one symbol in fifty and one gram in two,
 * and the smallest that counts.
 */
const priors: TailPriors = { scale: [4, 0.7], scaleMin: [1, 0.3] }
/**
 * The smallest mean excess that counts (log scale), of sizes, which move by whole elements, and of magnitudes: a quantity
 * that ends where it is known to end (a percentage, an age, a coordinate) has hardly any excess, and still may pass what
 * was seen by a little.
 */
const sizeScaleMin = 0.15
const magnitudeScaleMin = 0.1
/**
 * Decades taken from the evidence of sizes and magnitudes: records happen to honest callers all the time, so among the
 * parts that share the false-positive budget these get a tenth (a weighted Bonferroni split: Holm 1979).
 */
const rangeDiscount = 1
/**
 * What a new form of a number (negative, with a fraction, not a number) counts as, in calls: there are seven, and code
 * decides which of them come.
 */
const formPrior = 0.01
/** Salts of the models in the function's count table; an argument has sixteen. */
const shapes = 0
const grams = 1
const values = 2
const masks = 3
const saltOf = (index: number, model: number): number => Math.imul(index * 16 + model + 1, 0x27d4eb2f)

const top = new TopFive()
/** The two scores of a text, for the tails. */
const scores: [number, number] = [0, 0]

/** The learned model of one argument, or of one field of a nested one: its numbers lie in one block of the arena. */
export class ArgumentModel {
  readonly #arena: Arena
  readonly #table: CountTable
  readonly #index: number
  #record: Block
  /** Scores of the newest values, while the tails are learned. */
  #ring: Block | undefined

  /** `table` is the function's, `index` the number of the argument in it. */
  constructor(arena: Arena, table: CountTable, index: number) {
    this.#arena = arena
    this.#table = table
    this.#index = index
    this.#record = arena.allocate(Layout.fixedWords)
  }

  /** Values learned. */
  get count(): number {
    return this.#word(Layout.counted)
  }

  get bytes(): number {
    return 160 + 4 * (this.#record.size + (this.#ring?.size ?? 0))
  }

  #word(at: number): number {
    return this.#record.words[this.#record.at + at]!
  }

  #add(at: number): number {
    const words = this.#record.words
    const place = this.#record.at + at
    return words[place] = words[place]! + 1
  }

  /** Where a section lies in the words of the chunk; -1: it is not there. */
  #section(section: 0 | 1 | 2 | 3): number {
    const at = Layout.sectionAt(this.#record, section)
    return at === 0 ? -1 : this.#record.at + at
  }

  #made(section: 0 | 1 | 2 | 3): number {
    if (Layout.sectionAt(this.#record, section) === 0) {
      this.#record = Layout.withSection(this.#arena, this.#record, section)
    }
    return this.#section(section)
  }

  /** Values learned of a type. */
  #ofType(type: number): number {
    if (this.#word(Layout.firstType) === type) return this.#word(Layout.firstCount)
    const others = this.#section(Layout.types)
    return others < 0 ? 0 : this.#record.words[others + type]!
  }

  #learnType(type: number): void {
    if (this.#add(Layout.counted) === 1) this.#record.words[this.#record.at + Layout.firstType] = type
    if (this.#word(Layout.firstType) === type) {
      this.#add(Layout.firstCount)
      return
    }
    const others = this.#made(Layout.types)
    this.#record.words[others + type] = this.#record.words[others + type]! + 1
  }

  /**
   * Learns one value. The samples take its surprise before the models learn it. What texts look like is settled with their
   * tails: learned further, the models would be compared with a sample of what they were.
   */
  learn(value: ArgumentFeatures): void {
    this.#learnType(typeCode(value))
    if (value.type === "string" && this.#word(Layout.frozen) !== 0) return
    if (value.type === "string") this.#learnText(value)
    const form = formOf(value)
    if (form !== 0) this.#learnValue(masks, Layout.masks, form)
    if (value.value !== 0) this.#learnValue(values, Layout.values, value.value)
    const learning = this.#word(Layout.frozen) === 0
    if (hasSize(value) || value.size !== 0 || this.#word(Layout.sizeCount) > 0) {
      if (learning) this.#learnEnds(Layout.sizes, Layout.sizeCount, Math.log1p(value.size))
    }
    if (learning && hasMagnitude(value)) {
      this.#learnEnds(Layout.magnitudes, Layout.magnitudeCount, logScale(value.magnitude))
    }
  }

  #learnText(value: ArgumentFeatures): void {
    const tails = this.#made(Layout.tails)
    scores[0] = this.#shapeScore(value)
    scores[1] = this.#gramScore(value)
    this.#ring = pushScores(this.#arena, this.#ring, this.#record, tails, scores, priors)
    const { at, words } = this.#record
    learnShape(this.#table, saltOf(this.#index, shapes), words, at + Layout.shape, value.shape)
    learnGrams(this.#table, saltOf(this.#index, grams), words, at + Layout.grams, value.grams)
  }

  #learnValue(model: number, at: number, hash: number): void {
    const { at: base, floats, words } = this.#record
    learnValue(this.#table, saltOf(this.#index, model), words, floats, base + at, hash)
  }

  #learnEnds(section: 1 | 2, count: number, value: number): void {
    const at = this.#made(section)
    const before = this.#add(count) - 1
    pushEnd(this.#record.floats, at, before, value)
    pushEnd(this.#record.floats, at + endWords, before, -value)
  }

  /** Ends learning of what is normal; counts go on. */
  freeze(): void {
    const { at, words } = this.#record
    if (words[at + Layout.frozen] !== 0) return
    words[at + Layout.frozen] = 1
    if (this.#ring === undefined) return
    fitTails(this.#ring, this.#record, this.#section(Layout.tails), priors)
    this.#arena.free(this.#ring)
    this.#ring = undefined
  }

  #shapeScore(value: ArgumentFeatures): number {
    top.clear()
    const { at, words } = this.#record
    shapeSurprise(this.#table, saltOf(this.#index, shapes), words, at + Layout.shape, value.shape, top)
    return top.sum
  }

  #gramScore(value: ArgumentFeatures): number {
    const { at, words } = this.#record
    return gramSurprise(this.#table, saltOf(this.#index, grams), words, at + Layout.grams, value.grams)
  }

  #novelty(model: number, at: number, hash: number, prior?: number): number {
    const { at: base, floats, words } = this.#record
    return novelty(this.#table, saltOf(this.#index, model), words, floats, base + at, hash, prior)
  }

  /**
   * Decades of evidence against a value; with `findings`, also in words. `followed` says that its level is followed over
   * time, so that leaving the learned range says little, and its sign and fraction nothing.
   */
  evidence(value: ArgumentFeatures, findings: Findings | undefined, followed: boolean): number {
    const count = this.count
    if (count === 0) return 0
    let most = 0
    const known = this.#ofType(typeCode(value))
    if (known !== count) {
      most = Math.log10((count + 1) / (known + typePrior))
      if (findings !== undefined) this.#explainType(value, most, findings)
    }
    if (known === 0) return most
    if (value.type === "string") most = Math.max(most, this.#text(value, findings))
    const form = followed && value.shape.includes("0") ? 0 : formOf(value)
    const sparse = this.#sparse(value)
    if (form !== 0 && !(sparse && value.mask !== 0)) {
      const mask = this.#novelty(masks, Layout.masks, form, hasForms(value) ? formPrior : undefined)
      if (mask > most) most = mask
      if (findings !== undefined) this.#explainMask(value, mask, findings)
    }
    if (value.value !== 0 && !sparse) {
      const unseen = this.#novelty(values, Layout.values, value.value)
      if (unseen > most) most = unseen
      if (findings !== undefined) this.#explainNovelty(value, unseen, findings)
    }
    if (hasMagnitude(value)) most = Math.max(most, this.#magnitude(value, findings, followed ? followedMargin : 0))
    return value.size !== 0 || hasSize(value) ? Math.max(most, this.#size(value, findings)) : most
  }

  /** Shape and grams of a string: they look at the same characters, so the stronger one speaks. */
  #text(value: ArgumentFeatures, findings: Findings | undefined): number {
    const at = this.#section(Layout.tails)
    if (at < 0) return 0
    const shape = tailAbove(this.#record, at, 0, this.#shapeScore(value))
    const grams = tailAbove(this.#record, at, 1, this.#gramScore(value))
    if (findings !== undefined) {
      if (shape > 0) this.#explainShape(value, shape, findings)
      const seen = `${placeName(value.path)}: character sequences unusual in ${this.count} learned calls`
      findings.add("grams", value.path, grams, "character sequences seen before", seen)
    }
    return shape > grams ? shape : grams
  }

  /** Whether a number or a length lies where those seen are few and apart: that it is new says nothing more then. */
  #sparse(value: ArgumentFeatures): boolean {
    const measured = value.type === "number"
    if (!measured && !isCounted(value)) return false
    const at = this.#section(measured ? Layout.magnitudes : Layout.sizes)
    if (at < 0) return false
    const exact = measured ? logScale(value.magnitude) : Math.log1p(value.size)
    const floats = this.#record.floats
    return atSparseEnd(floats, at, exact) || atSparseEnd(floats, at + endWords, -exact)
  }

  /** A number against both ends of what was seen. */
  #beyond(at: number, count: number, value: number, margin: number, scaleMin: number): number {
    const floats = this.#record.floats
    const above = endEvidence(floats, at, count, value - margin, scaleMin)
    const below = above > 0 ? 0 : endEvidence(floats, at + endWords, count, -value - margin, scaleMin)
    return Math.max(0, above - rangeDiscount, below - rangeDiscount)
  }

  #size(value: ArgumentFeatures, findings: Findings | undefined): number {
    const at = this.#section(Layout.sizes)
    if (at < 0) return 0
    const evidence = this.#beyond(at, this.#word(Layout.sizeCount), Math.log1p(value.size), 0, sizeScaleMin)
    if (findings === undefined || evidence === 0) return evidence
    const floats = this.#record.floats
    const expected = `size ${Math.round(Math.expm1(-floats[at + endWords]!))} to ${Math.round(Math.expm1(floats[at]!))}`
    findings.add("size", value.path, evidence, expected, `${placeName(value.path)}: size ${value.size}`)
    return evidence
  }

  #magnitude(value: ArgumentFeatures, findings: Findings | undefined, margin: number): number {
    const at = this.#section(Layout.magnitudes)
    if (at < 0 || margin > 0 && withinWidths(this.#record.floats, at, value.magnitude)) return 0
    const exact = logScale(value.magnitude)
    const evidence = this.#beyond(at, this.#word(Layout.magnitudeCount), exact, margin, magnitudeScaleMin)
    if (findings === undefined || evidence === 0) return evidence
    const floats = this.#record.floats
    const expected = `${unscale(-floats[at + endWords]!)} to ${unscale(floats[at]!)}`
    findings.add("magnitude", value.path, evidence, expected, `${placeName(value.path)}: ${value.magnitude}`)
    return evidence
  }

  #explainMask(value: ArgumentFeatures, evidence: number, findings: Findings): void {
    const known = distinctValues(this.#record.words, this.#record.at + Layout.masks)
    findings.add("mask", value.path, evidence, `one of ${known} formats`, `${placeName(value.path)}: a new format`)
  }

  #explainNovelty(value: ArgumentFeatures, evidence: number, findings: Findings): void {
    const seen = `${placeName(value.path)}: a value never seen in ${this.count} learned calls`
    const known = distinctValues(this.#record.words, this.#record.at + Layout.values)
    findings.add("novelty", value.path, evidence, `one of ${known} known values`, seen)
  }

  #explainType(value: ArgumentFeatures, evidence: number, findings: Findings): void {
    const seen = argumentTypes.filter((_, code) => this.#ofType(code) > 0).join(", ")
    findings.add(
      "type",
      value.path,
      evidence,
      seen,
      `${placeName(value.path)}: ${value.type}, never seen in ${this.count} learned calls`
    )
  }

  #explainShape(value: ArgumentFeatures, evidence: number, findings: Findings): void {
    this.#shapeScore(value)
    const parts: Array<string> = []
    for (let i = 0; i < 5 && parts.length < 3; i++) {
      const at = top.places[i]!
      if (at < 0 || top.values[i]! < 3) break
      const symbol = at < value.shape.length ? symbolName(value.shape.charCodeAt(at)) : "the end"
      const before = at === 0 ? "at the start" : `after ${symbolName(value.shape.charCodeAt(at - 1))}`
      const part = `${symbol} ${before}`
      if (!parts.includes(part)) parts.push(part)
    }
    const seen = `${placeName(value.path)}: ${parts.join("; ")}: unusual in ${this.count} learned calls`
    findings.add("shape", value.path, evidence, "forms seen before", seen)
  }

  /** Gives the memory back. */
  release(): void {
    this.#arena.free(this.#record)
    if (this.#ring !== undefined) this.#arena.free(this.#ring)
  }

  write(writer: Writer): void {
    writeBlock(writer, this.#record)
    writer.u32(this.#ring === undefined ? 0 : 1)
    if (this.#ring !== undefined) writeBlock(writer, this.#ring)
  }

  read(reader: Reader): void {
    this.#arena.free(this.#record)
    this.#record = this.#arena.read(reader)
    this.#ring = reader.u32() === 0 ? undefined : this.#arena.read(reader)
    if (!Layout.sectionsFit(this.#record)) reader.refuse("argument record")
    const at = this.#section(Layout.tails)
    if (at < 0 ? this.#ring !== undefined : !tailsFit(this.#record, at, this.#ring)) reader.refuse("tails")
  }
}
