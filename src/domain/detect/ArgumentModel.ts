import { type ArgumentFeatures, argumentTypes } from "../CallFeatures.ts"
import { symbolName } from "../features/Symbols.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { type Findings, placeName } from "./Findings.ts"
import { GramModel } from "./GramModel.ts"
import { Novelty } from "./Novelty.ts"
import { ShapeModel } from "./ShapeModel.ts"
import { type TailOptions, TailSample } from "./TailSample.ts"
import { TopFive } from "./TopFive.ts"

/** Distinct values and formats kept per argument: a closed set is small. */
const valuesMax = 1024
/** A type that an argument never had counts as a tenth of a call: types change with deployments, not with traffic. */
const typePrior = 0.1
const surprise: TailOptions = { capacity: 2048, share: 0.25, scaleMin: 1 }
const rarity: TailOptions = { capacity: 2048, share: 0.25, scaleMin: 0.3 }
const size: TailOptions = { capacity: 512, share: 1, scaleMin: 0.5 }
const magnitude: TailOptions = { capacity: 512, share: 1, scaleMin: 0.5 }

const top = new TopFive()

/** Numbers on a scale where equal ratios are equal steps, both signs. */
const logScale = (value: number): number => Math.sign(value) * Math.log1p(Math.abs(value))

/** The learned model of one argument, or of one field of a nested one. */
export class ArgumentModel {
  readonly #types = new Uint32Array(argumentTypes.length)
  #count = 0
  #shape: ShapeModel | undefined
  #shapeTail: TailSample | undefined
  #grams: GramModel | undefined
  #gramTail: TailSample | undefined
  #values: Novelty | undefined
  #masks: Novelty | undefined
  #sizes: TailSample | undefined
  #magnitudes: TailSample | undefined

  /** Values learned. */
  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return 256 + (this.#shape?.bytes ?? 0) + (this.#shapeTail?.bytes ?? 0) + (this.#grams?.bytes ?? 0)
      + (this.#gramTail?.bytes ?? 0) + (this.#values?.bytes ?? 0) + (this.#masks?.bytes ?? 0) +
      (this.#sizes?.bytes ?? 0)
      + (this.#magnitudes?.bytes ?? 0)
  }

  /** Learns one value. The samples take its surprise before the models learn it. */
  learn(value: ArgumentFeatures): void {
    const type = typeCode(value)
    this.#types[type] = this.#types[type]! + 1
    this.#count++
    if (value.shape !== "" || value.type === "string") {
      this.#shape ??= new ShapeModel()
      this.#shapeTail ??= new TailSample(surprise)
      this.#shapeTail.push(this.#shapeScore(value))
      this.#shape.learn(value.shape)
    }
    if (value.type === "string") {
      this.#grams ??= new GramModel()
      this.#gramTail ??= new TailSample(rarity)
      this.#gramTail.push(this.#gramScore(value))
      this.#grams.learn(value.grams)
    }
    if (value.mask !== 0) (this.#masks ??= new Novelty(valuesMax)).learn(value.mask)
    if (value.value !== 0) (this.#values ??= new Novelty(valuesMax)).learn(value.value)
    if (value.type !== "number") (this.#sizes ??= new TailSample(size)).push(Math.log1p(value.size))
    if (hasMagnitude(value)) (this.#magnitudes ??= new TailSample(magnitude)).push(logScale(value.magnitude))
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
    return top.norm
  }

  #gramScore(value: ArgumentFeatures): number {
    return this.#grams?.surprise(value.grams) ?? 0
  }

  /** Decades of evidence against a value; with `findings`, also in words. */
  evidence(value: ArgumentFeatures, findings: Findings | undefined): number {
    if (this.#count === 0) return 0
    let most = 0
    const known = this.#types[typeCode(value)]!
    if (known === 0) {
      most = Math.log10((this.#count + 1) / typePrior)
      if (findings !== undefined) this.#explainType(value, most, findings)
    }
    const shape = this.#shape === undefined || this.#shapeTail === undefined || known === 0
      ? 0
      : this.#shapeTail.above(this.#shapeScore(value))
    if (findings !== undefined && shape > 0) this.#explainShape(value, shape, findings)
    const grams = this.#gramTail === undefined || value.type !== "string"
      ? 0
      : this.#gramTail.above(this.#gramScore(value))
    findings?.add(
      "grams",
      value.path,
      grams,
      "character sequences seen before",
      `${placeName(value.path)}: sequences never seen`
    )
    if (shape > most) most = shape
    if (grams > most) most = grams
    if (value.mask !== 0 && this.#masks !== undefined) {
      const mask = this.#masks.evidence(value.mask)
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
      findings?.add(
        "novelty",
        value.path,
        novelty,
        `one of ${this.#values.distinct} known values`,
        `${placeName(value.path)}: a value never seen in ${this.#count} learned calls`
      )
      if (novelty > most) most = novelty
    }
    return Math.max(most, this.#range(value, findings))
  }

  /** Size and magnitude against both ends of what was seen. */
  #range(value: ArgumentFeatures, findings: Findings | undefined): number {
    let most = 0
    if (this.#sizes !== undefined && value.type !== "number") {
      const scaled = Math.log1p(value.size)
      most = Math.max(this.#sizes.above(scaled), this.#sizes.below(scaled))
      if (findings !== undefined) {
        const low = Math.round(Math.expm1(this.#sizes.quantile(0)))
        const high = Math.round(Math.expm1(this.#sizes.quantile(1)))
        findings.add("size", value.path, most, `size ${low} to ${high}`, `${placeName(value.path)}: size ${value.size}`)
      }
    }
    if (this.#magnitudes !== undefined && hasMagnitude(value)) {
      const scaled = logScale(value.magnitude)
      const magnitude = Math.max(this.#magnitudes.above(scaled), this.#magnitudes.below(scaled))
      if (magnitude > most) most = magnitude
      if (findings !== undefined) {
        const low = unscale(this.#magnitudes.quantile(0))
        const high = unscale(this.#magnitudes.quantile(1))
        const seen = `${placeName(value.path)}: ${value.magnitude}`
        findings.add("magnitude", value.path, magnitude, `${low} to ${high}`, seen)
      }
    }
    return most
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
    writer.words(this.#types)
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
    this.#types.set(types)
    this.#count = reader.u32()
    const part = <A extends { readonly read: (reader: Reader) => void }>(make: () => A): A | undefined => {
      if (reader.u32() === 0) return undefined
      const made = make()
      made.read(reader)
      return made
    }
    this.#shape = part(() => new ShapeModel())
    this.#shapeTail = part(() => new TailSample(surprise))
    this.#grams = part(() => new GramModel())
    this.#gramTail = part(() => new TailSample(rarity))
    this.#values = part(() => new Novelty(valuesMax))
    this.#masks = part(() => new Novelty(valuesMax))
    this.#sizes = part(() => new TailSample(size))
    this.#magnitudes = part(() => new TailSample(magnitude))
  }
}

const typeCodes: ReadonlyMap<string, number> = new Map(argumentTypes.map((type, code) => [type, code]))
const typeCode = (value: ArgumentFeatures): number => typeCodes.get(value.type) ?? 0
const hasMagnitude = (value: ArgumentFeatures): boolean =>
  value.type === "number" || value.type === "bigint" || value.type === "date" || value.type === "binary"
const unscale = (value: number): string =>
  Number((Math.sign(value) * Math.expm1(Math.abs(value))).toPrecision(3)).toString()
