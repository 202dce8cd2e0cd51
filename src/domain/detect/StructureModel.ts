import type { CallFeatures } from "../CallFeatures.ts"
import type { Arena } from "./Arena.ts"
import { ArgumentModel } from "./ArgumentModel.ts"
import type { Reader, Writer } from "./Bytes.ts"
import type { CountTable } from "./CountTable.ts"
import type { DriftModel } from "./DriftModel.ts"
import { type Findings, placeName } from "./Findings.ts"

/** Most paths (arguments and nested fields) modelled per function; a map with open keys shares one path. */
const pathsMax = 64
/** Most different numbers of arguments that are counted. */
const aritiesMax = 16
/**
 * What a structure never seen counts as, in calls: structure comes from code, so a new one is strong evidence, and must
 * not drown in the surprise that texts of ordinary traffic hold every day.
 */
const prior = 0.001
/** Paths from which on they are found by a map: a few are found faster, and kept smaller, in a list. */
const mappedFrom = 8
/** Calls over which the share of calls with a new path is averaged, and the newest part of fewer that counts. */
const horizon = 1024
const newest = 4
/** Share of calls that must have a path before its absence says anything. */
const usual = 0.98

/** Share of the recent calls that had something new, when one last had, and after how many calls that was. */
interface Freshness {
  newShare: number
  newAt: number
}

/** What is known of a path. Its freshness is that of the fields in it. */
interface Entry extends Freshness {
  readonly path: string
  readonly model: ArgumentModel
  /** Learned calls that had the path. */
  present: number
  /** Number of the call that had it last: finds what is missing without a set. */
  mark: number
}

/**
 * The structure of the calls of one function: how many arguments, which paths, which of them are always there; and the
 * model of each. The evidence of a call is that of its most surprising argument.
 */
export class StructureModel {
  readonly #arena: Arena
  readonly #table: CountTable
  #entries: Array<Entry> = []
  #byPath: Map<string, Entry> | undefined
  /** Number of arguments and calls that had it, in pairs: most functions have one. */
  #arities: Array<number> = []
  #count = 0
  #truncated = 0
  /** New arguments, as new fields of an object are kept with it. */
  readonly #root: Freshness = { newShare: 0, newAt: 0 }
  #calls = 0

  constructor(arena: Arena, table: CountTable) {
    this.#arena = arena
    this.#table = table
  }

  get bytes(): number {
    return this.#entries.reduce((sum, entry) => sum + entry.model.bytes + 160, 512)
  }

  /** The entry of a path, tried first at the place where the call has it. */
  #entry(path: string, place: number): Entry | undefined {
    const entries = this.#entries
    const likely = entries[place]
    if (likely !== undefined && likely.path === path) return likely
    if (this.#byPath !== undefined) return this.#byPath.get(path)
    for (let i = 0; i < entries.length; i++) if (entries[i]!.path === path) return entries[i]
    return undefined
  }

  #add(path: string): Entry {
    const model = new ArgumentModel(this.#arena, this.#table, this.#entries.length)
    const entry: Entry = { path, model, present: 0, mark: 0, newShare: 0, newAt: 0 }
    this.#entries = [...this.#entries, entry]
    if (this.#byPath !== undefined) this.#byPath.set(path, entry)
    else if (this.#entries.length >= mappedFrom) this.#byPath = new Map(this.#entries.map((one) => [one.path, one]))
    return entry
  }

  /** Calls learned with a number of arguments. */
  #withArity(arity: number): number {
    for (let i = 0; i < this.#arities.length; i += 2) if (this.#arities[i] === arity) return this.#arities[i + 1]!
    return 0
  }

  #learnArity(arity: number): void {
    const arities = this.#arities
    for (let i = 0; i < arities.length; i += 2) {
      if (arities[i] !== arity) continue
      arities[i + 1] = arities[i + 1]! + 1
      return
    }
    if (arities.length < 2 * aritiesMax) this.#arities = [...arities, arity, 1]
  }

  /** Learns one call. */
  learn(features: CallFeatures): void {
    this.#count++
    const mark = ++this.#calls
    if (features.truncated) this.#truncated++
    this.#learnArity(features.arity)
    for (let i = 0; i < features.arguments.length; i++) {
      const value = features.arguments[i]!
      let entry = this.#entry(value.path, i)
      if (entry === undefined) {
        this.#learnNew(value.path)
        if (this.#entries.length >= pathsMax) continue
        entry = this.#add(value.path)
      }
      if (entry.mark !== mark) {
        entry.mark = mark
        entry.present++
      }
      entry.model.learn(value)
    }
  }

  /** The object that has a field; `undefined` for an argument, and where the object is not modelled. */
  #parent(path: string): Entry | undefined {
    const end = Math.max(path.lastIndexOf("."), path.lastIndexOf("["))
    return end < 0 ? undefined : this.#entry(path.slice(0, end), -1)
  }

  /** In the first call with an object everything in it is new, which says nothing about those that follow. */
  #learnNew(path: string): void {
    const parent = this.#parent(path)
    const kept = parent ?? this.#root
    const calls = parent?.present ?? this.#count
    if (calls <= 1 || kept.newAt === calls) return
    const before = faded(kept, calls)
    kept.newShare = before + (1 - before) / Math.min(Math.max(1, calls / newest), horizon)
    kept.newAt = calls
  }

  /** How often a call has something new where this path is. */
  #newShare(path: string): number {
    const parent = this.#parent(path)
    const calls = parent?.present ?? this.#count
    return Math.max(faded(parent ?? this.#root, calls), prior / Math.max(1, Math.min(calls, horizon)))
  }

  freeze(): void {
    for (const entry of this.#entries) entry.model.freeze()
  }

  /** Decades of evidence in a call. */
  evidence(features: CallFeatures, findings: Findings | undefined, drift: DriftModel): number {
    if (this.#count === 0) return 0
    const mark = ++this.#calls
    let most = this.#arity(features, findings)
    let marked = 0
    for (let i = 0; i < features.arguments.length; i++) {
      const value = features.arguments[i]!
      const entry = this.#entry(value.path, i)
      let evidence: number
      if (entry === undefined) {
        evidence = -Math.log10(this.#newShare(value.path))
        findings?.add(
          "path",
          value.path,
          evidence,
          "the known fields",
          `${placeName(value.path)}: never seen in ${this.#count} learned calls`
        )
      } else {
        if (entry.mark !== mark) {
          entry.mark = mark
          marked++
        }
        evidence = entry.model.evidence(value, findings, drift.follows(value))
      }
      if (evidence > most) most = evidence
    }
    return marked === this.#entries.length ? most : Math.max(most, this.#missing(mark, findings))
  }

  #arity(features: CallFeatures, findings: Findings | undefined): number {
    let most = 0
    const seen = this.#withArity(features.arity)
    if (seen !== this.#count) {
      most = Math.log10((this.#count + 1) / (seen + prior))
      if (findings !== undefined) {
        const known = this.#arities.filter((_, i) => i % 2 === 0).toSorted((a, b) => a - b).join(", ")
        findings.add("arity", "", most, `${known} arguments`, `${features.arity} arguments`)
      }
    }
    if (features.truncated && this.#truncated !== this.#count) {
      const evidence = Math.log10((this.#count + 1) / (this.#truncated + prior))
      findings?.add("size", "", evidence, "arguments within the limits", "arguments too large to describe in full")
      if (evidence > most) most = evidence
    }
    return most
  }

  #missing(mark: number, findings: Findings | undefined): number {
    let most = 0
    for (const entry of this.#entries) {
      if (entry.mark === mark || entry.present < usual * this.#count) continue
      const evidence = Math.log10((this.#count + 1) / (this.#count - entry.present + prior))
      findings?.add(
        "path",
        entry.path,
        evidence,
        `${placeName(entry.path)} in nearly every call`,
        `${placeName(entry.path)} is missing`
      )
      if (evidence > most) most = evidence
    }
    return most
  }

  /** Gives the memory back. */
  release(): void {
    for (const entry of this.#entries) entry.model.release()
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.u32(this.#truncated)
    writer.f64(this.#root.newShare)
    writer.u32(this.#root.newAt)
    writer.u32(this.#arities.length)
    for (const value of this.#arities) writer.u32(value)
    writer.u32(this.#entries.length)
    for (const entry of this.#entries) {
      writer.text(entry.path)
      writer.u32(entry.present)
      writer.f64(entry.newShare)
      writer.u32(entry.newAt)
      entry.model.write(writer)
    }
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#truncated = reader.u32()
    this.#root.newShare = reader.f64()
    this.#root.newAt = reader.u32()
    const arities = reader.u32()
    if (arities > 2 * aritiesMax || arities % 2 !== 0) reader.refuse("arities")
    for (let i = 0; i < arities; i++) this.#arities.push(reader.u32())
    const paths = reader.u32()
    if (paths > pathsMax) reader.refuse("paths")
    for (let i = 0; i < paths; i++) {
      const entry = this.#add(reader.text())
      entry.present = reader.u32()
      entry.newShare = reader.f64()
      entry.newAt = reader.u32()
      entry.model.read(reader)
    }
  }
}

/**
 * The share, after the calls since without anything new: it is averaged over the newest quarter of the calls, and over
 * no more than {@link horizon}, as if each of them had been counted.
 */
const faded = ({ newAt, newShare }: Freshness, calls: number): number => {
  if (newAt === 0) return 0
  const full = newest * horizon
  const young = (Math.min(newAt, full) / Math.min(calls, full)) ** newest
  return newShare * young * Math.exp(-Math.max(0, calls - Math.max(newAt, full)) / horizon)
}
