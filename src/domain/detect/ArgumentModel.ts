import { type ArgumentFeatures, argumentTypes } from "../CallFeatures.ts"
import { symbolName } from "../features/Symbols.ts"
import type { Reader, Writer } from "./Bytes.ts"
import type { CountTable } from "./CountTable.ts"
import { Extremes } from "./Extremes.ts"
import { type Findings, placeName } from "./Findings.ts"
import { GramModel } from "./GramModel.ts"
import { Novelty } from "./Novelty.ts"
import { ShapeModel } from "./ShapeModel.ts"
import { TailSample } from "./TailSample.ts"
import { TopFive } from "./TopFive.ts"

/** A type that an argument never had counts as a tenth of a call: types change with deployments, not with traffic. */
const typePrior = 0.1
/** Smallest excess that counts: of shape surprise and mean gram surprise (nats), of sizes and magnitudes (log scale). */
const shapeScaleMin = 1
const gramScaleMin = 0.3
const rangeScaleMin = 0.5
/**
 * Decades taken from the evidence of sizes and magnitudes: records happen to honest callers all the time, so among the
 * parts that share the false-positive budget these get a tenth (a weighted Bonferroni split: Holm 1979).
 */
const rangeDiscount = 1
/** Salts of the models in the function's count table; an argument has sixteen. */
const shapes = 0
const grams = 1
const values = 2
const masks = 3
const saltOf = (index: number, model: number): number => Math.imul(index * 16 + model + 1, 0x27d4eb2f)

const top = new TopFive()

/** Numbers on a scale where equal ratios are equal steps, both signs. */
const logScale = (value: number): number => Math.sign(value) * Math.log1p(Math.abs(value))

/** The learned model of one argument, or of one field of a nested one. */
export class ArgumentModel {
  readonly #table: CountTable
  readonly #index: number
  /** Values learned of each type, by its code. */
  readonly #types: Array<number> = []
  #count = 0
  #shape: ShapeModel | undefined
  #shapeTail: TailSample | undefined
  #grams: GramModel | undefined
  #gramTail: TailSample | undefined
  #values: Novelty | undefined
  #masks: Novelty | undefined
  #sizes: Extremes | undefined
  #magnitudes: Extremes | undefined

  /** `table` is the function's, `index` the number of the argument in it. */
  constructor(table: CountTable, index: number) {
    this.#table = table
    this.#index = index
    for (let i = 0; i < argumentTypes.length; i++) this.#types.push(0)
  }

  /** Values learned. */
  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return 800 + (this.#shapeTail?.bytes ?? 0) + (this.#gramTail?.bytes ?? 0)
  }

  /** Learns one value. The samples take its surprise before the models learn it. */
  learn(value: ArgumentFeatures): void {
    const type = typeCode(value)
    this.#types[type] = this.#types[type]! + 1
    this.#count++
    if (value.type === "string") {
      this.#learnText(value)
    } else if (value.shape !== "") {
      ;(this.#masks ??= this.#novelty(masks)).learn(formOf(value))
    }
    if (value.value !== 0) (this.#values ??= this.#novelty(values)).learn(value.value)
    if (value.size !== 0 || this.#sizes !== undefined || hasSize(value)) {
      ;(this.#sizes ??= new Extremes()).push(Math.log1p(value.size))
    }
    if (hasMagnitude(value)) (this.#magnitudes ??= new Extremes()).push(logScale(value.magnitude))
  }

  #learnText(value: ArgumentFeatures): void {
    if (this.#shape === undefined) {
      this.#shape = new ShapeModel(this.#table, saltOf(this.#index, shapes))
      this.#grams = new GramModel(this.#table, saltOf(this.#index, grams))
      this.#shapeTail = new TailSample(shapeScaleMin)
      this.#gramTail = new TailSample(gramScaleMin)
    }
    this.#shapeTail?.push(this.#shapeScore(value))
    this.#gramTail?.push(this.#gramScore(value))
    this.#shape.learn(value.shape)
    this.#grams?.learn(value.grams)
    if (value.mask !== 0) (this.#masks ??= this.#novelty(masks)).learn(value.mask)
  }

  #novelty(model: number): Novelty {
    return new Novelty(this.#table, saltOf(this.#index, model))
  }

  /** Ends learning of what is normal; counts go on. */
  freeze(): void {
    this.#shapeTail?.freeze()
    this.#gramTail?.freeze()
    this.#sizes?.freeze()
    this.#magnitudes?.freeze()
  }

  #shapeScore(value: ArgumentFeatures): number {
    top.clear()
    this.#shape?.surprise(value.shape, top)
    return top.sum
  }

  #gramScore(value: ArgumentFeatures): number {
    return this.#grams?.surprise(value.grams) ?? 0
  }

  /** Decades of evidence against a value; with `findings`, also in words. */
  evidence(value: ArgumentFeatures, findings: Findings | undefined): number {
    if (this.#count === 0) return 0
    let most = 0
    const known = this.#types[typeCode(value)]!
    if (known !== this.#count) {
      most = Math.log10((this.#count + 1) / (known + typePrior))
      if (findings !== undefined) this.#explainType(value, most, findings)
    }
    if (known === 0) return most
    if (value.type === "string") most = Math.max(most, this.#text(value, findings))
    const form = value.type === "string" ? value.mask : value.shape === "" ? 0 : formOf(value)
    if (form !== 0 && this.#masks !== undefined) {
      const mask = this.#masks.evidence(form)
      findings?.add(
        "mask",
        value.path,
        mask,
        `one of ${this.#masks.distinct} formats`,
        `${placeName(value.path)}: a new format`
      )
      if (mask > most) most = mask
    }
    if (value.value !== 0 && this.#values !== undefined) {
      const novelty = this.#values.evidence(value.value)
      if (novelty > most) most = novelty
      if (findings !== undefined) this.#explainNovelty(value, novelty, findings)
    }
    return Math.max(most, this.#range(value, findings))
  }

  /** Shape and grams of a string: they look at the same characters, so the stronger one speaks. */
  #text(value: ArgumentFeatures, findings: Findings | undefined): number {
    if (this.#shapeTail === undefined || this.#gramTail === undefined) return 0
    const shape = this.#shapeTail.above(this.#shapeScore(value))
    const grams = this.#gramTail.above(this.#gramScore(value))
    if (findings !== undefined) {
      if (shape > 0) this.#explainShape(value, shape, findings)
      const seen = `${placeName(value.path)}: character sequences unusual in ${this.#count} learned calls`
      findings.add("grams", value.path, grams, "character sequences seen before", seen)
    }
    return shape > grams ? shape : grams
  }

  /** Size and magnitude against both ends of what was seen. */
  #range(value: ArgumentFeatures, findings: Findings | undefined): number {
    let most = 0
    const sizes = this.#sizes
    if (sizes !== undefined && (value.size !== 0 || hasSize(value))) {
      const scaled = Math.log1p(value.size)
      const beyond = Math.max(sizes.above(scaled, rangeScaleMin), sizes.below(scaled, rangeScaleMin))
      most = Math.max(0, beyond - rangeDiscount)
      if (findings !== undefined) {
        const expected = `size ${Math.round(Math.expm1(sizes.smallest))} to ${Math.round(Math.expm1(sizes.largest))}`
        findings.add("size", value.path, most, expected, `${placeName(value.path)}: size ${value.size}`)
      }
    }
    const magnitudes = this.#magnitudes
    if (magnitudes !== undefined && hasMagnitude(value)) {
      const scaled = logScale(value.magnitude)
      const beyond = Math.max(magnitudes.above(scaled, rangeScaleMin), magnitudes.below(scaled, rangeScaleMin))
      const magnitude = Math.max(0, beyond - rangeDiscount)
      if (magnitude > most) most = magnitude
      if (findings !== undefined) {
        const expected = `${unscale(magnitudes.smallest)} to ${unscale(magnitudes.largest)}`
        findings.add("magnitude", value.path, magnitude, expected, `${placeName(value.path)}: ${value.magnitude}`)
      }
    }
    return most
  }

  #explainNovelty(value: ArgumentFeatures, evidence: number, findings: Findings): void {
    const seen = `${placeName(value.path)}: a value never seen in ${this.#count} learned calls`
    findings.add("novelty", value.path, evidence, `one of ${this.#values?.distinct ?? 0} known values`, seen)
  }

  #explainType(value: ArgumentFeatures, evidence: number, findings: Findings): void {
    const seen = argumentTypes.filter((_, code) => this.#types[code]! > 0).join(", ")
    findings.add(
      "type",
      value.path,
      evidence,
      seen,
      `${placeName(value.path)}: ${value.type}, never seen in ${this.#count} learned calls`
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
    const seen = `${placeName(value.path)}: ${parts.join("; ")}: unusual in ${this.#count} learned calls`
    findings.add("shape", value.path, evidence, "forms seen before", seen)
  }

  write(writer: Writer): void {
    writer.words(Uint32Array.from(this.#types))
    writer.u32(this.#count)
    for (const part of this.#parts()) {
      writer.u32(part === undefined ? 0 : 1)
      part?.write(writer)
    }
  }

  #parts(): ReadonlyArray<{ readonly write: (writer: Writer) => void } | undefined> {
    return [
      this.#shape,
      this.#shapeTail,
      this.#grams,
      this.#gramTail,
      this.#values,
      this.#masks,
      this.#sizes,
      this.#magnitudes
    ]
  }

  read(reader: Reader): void {
    const types = reader.words()
    if (types.length !== this.#types.length) reader.refuse("argument types")
    types.forEach((count, code) => {
      this.#types[code] = count
    })
    this.#count = reader.u32()
    const part = <A extends { readonly read: (reader: Reader) => void }>(make: () => A): A | undefined => {
      if (reader.u32() === 0) return undefined
      const made = make()
      made.read(reader)
      return made
    }
    this.#shape = part(() => new ShapeModel(this.#table, saltOf(this.#index, shapes)))
    this.#shapeTail = part(() => new TailSample(shapeScaleMin))
    this.#grams = part(() => new GramModel(this.#table, saltOf(this.#index, grams)))
    this.#gramTail = part(() => new TailSample(gramScaleMin))
    this.#values = part(() => this.#novelty(values))
    this.#masks = part(() => this.#novelty(masks))
    this.#sizes = part(() => new Extremes())
    this.#magnitudes = part(() => new Extremes())
  }
}

/** A number or a date has few forms (negative, with a fraction, not a number): a form is a format. */
const formOf = (value: ArgumentFeatures): number => {
  let form = value.shape.length
  for (let i = 0; i < value.shape.length; i++) form = (form << 8) | value.shape.charCodeAt(i)
  return form
}
const hasSize = (value: ArgumentFeatures): boolean =>
  value.type === "string" || value.type === "array" || value.type === "object" || value.type === "map"
  || value.type === "set" || value.type === "binary"
const typeCodes: ReadonlyMap<string, number> = new Map(argumentTypes.map((type, code) => [type, code]))
const typeCode = (value: ArgumentFeatures): number => typeCodes.get(value.type) ?? 0
const hasMagnitude = (value: ArgumentFeatures): boolean =>
  value.type === "number" || value.type === "bigint" || value.type === "date" || value.type === "binary"
const unscale = (value: number): string =>
  Number((Math.sign(value) * Math.expm1(Math.abs(value))).toPrecision(3)).toString()
