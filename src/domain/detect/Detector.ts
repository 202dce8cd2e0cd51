import type { Assessment } from "../Assessment.ts"
import type { BaselineProfile } from "../BaselineProfile.ts"
import type { OutcomeReport } from "../Outcome.ts"
import type { TelemetryEvent } from "../TelemetryEvent.ts"
import { AnomalyShare } from "./AnomalyShare.ts"
import { Arena } from "./Arena.ts"
import { Reader, Writer } from "./Bytes.ts"
import type { DetectorSettings } from "./DetectorSettings.ts"
import { FunctionModel } from "./FunctionModel.ts"
import { OrderModel } from "./OrderModel.ts"
import { ScorePool } from "./ScorePool.ts"
import type { Shared } from "./Shared.ts"
import { SubjectRates } from "./SubjectRates.ts"

/** First word of a snapshot, and its version. */
const magic = 0x50494342
const version = 12
/** Learned calls from which a function's scores may stand for normal ones in the pool. */
const pooledFrom = 20

/** Count table entries (8 bytes each) of all functions together, and the least and most that one may have. */
const entriesTotal = 2 * 1024 * 1024
const entriesMin = 512
const entriesMost = 32_768

/** Bytes of a function in a snapshot beside its numbers in the arena: enough for most. */
const bytesPerFunction = 512

/** A power of two: the tables are. */
const entriesPerFunction = (functions: number): number => {
  const fair = 2 ** Math.floor(Math.log2(entriesTotal / Math.max(1, functions)))
  return Math.min(entriesMost, Math.max(entriesMin, fair))
}

/** The models of all functions: pure, without services, as replays and benchmarks run it. */
export class Detector {
  readonly #settings: () => DetectorSettings
  #shared: Shared
  #models = new Map<string, FunctionModel>()
  /** Names used since the eviction pointer passed them (second chance: Corbató 1968, an O(1) form of LRU). */
  #used = new Set<string>()
  #last: FunctionModel | undefined

  constructor(settings: () => DetectorSettings) {
    this.#settings = settings
    this.#shared = this.#share()
  }

  #share(): Shared {
    return {
      settings: this.#settings,
      pool: new ScorePool(),
      outcomePool: new ScorePool(),
      anomalies: new AnomalyShare(),
      arena: new Arena(),
      subjects: new SubjectRates(),
      order: new OrderModel(this.#settings),
      drifts: new ScorePool(),
      entriesMax: () => entriesPerFunction(this.#models.size)
    }
  }

  /** The model of a function, made on first sight. */
  model(fn: string): FunctionModel {
    if (this.#last !== undefined && this.#last.fn === fn) return this.#last
    let model = this.#models.get(fn)
    if (model === undefined) {
      this.#evict()
      model = new FunctionModel(fn, this.#shared)
      this.#models.set(fn, model)
    } else {
      this.#used.add(fn)
    }
    return this.#last = model
  }

  #evict(): void {
    while (this.#models.size >= this.#settings().functionsMax) {
      const oldest = this.#models.keys().next().value
      if (oldest === undefined) return
      const model = this.#models.get(oldest)
      this.#models.delete(oldest)
      if (this.#used.delete(oldest) && model !== undefined) this.#models.set(oldest, model)
      else model?.release()
    }
  }

  score(event: TelemetryEvent): Assessment {
    return this.model(event.fn).assess(event)
  }

  learn(event: TelemetryEvent, assessment: Assessment): boolean {
    return this.model(event.fn).learn(event, assessment)
  }

  learnOutcome(report: OutcomeReport): Assessment | undefined {
    return this.model(report.fn).learnOutcome(report.outcome)
  }

  /** Ends learning for all functions with enough calls; the last quarter in time of what they learned calibrates them. */
  finishLearning(): void {
    const learned = [...this.#models.values()].filter((model) => model.learned >= pooledFrom)
    this.#shared.pool.replace(learned.map((model) => model.recentScores()))
    this.#shared.outcomePool.replace(learned.map((model) => model.recentOutcomes()))
    this.#shared.order.freeze()
    const { minSamples } = this.#settings()
    for (const model of learned) if (model.learned >= minSamples) model.finishLearning()
  }

  /** Forgets what was learned about one function, which begins anew; `false` where nothing was. */
  forget(fn: string): boolean {
    const model = this.#models.get(fn)
    if (model === undefined) return false
    this.#models.delete(fn)
    this.#used.delete(fn)
    if (this.#last === model) this.#last = undefined
    model.release()
    return true
  }

  /** Functions that are judged. */
  get ready(): number {
    let ready = 0
    for (const model of this.#models.values()) if (model.state === "ready") ready++
    return ready
  }

  profile(fn: string): BaselineProfile | undefined {
    return this.#models.get(fn)?.profile()
  }

  profiles(): ReadonlyArray<BaselineProfile> {
    return Array.from(this.#models.values(), (model) => model.profile())
  }

  /** Approximate bytes held by all models. */
  get bytes(): number {
    let bytes = this.#shared.order.bytes
    for (const model of this.#models.values()) bytes += model.bytes
    return bytes
  }

  /** Everything learned, as bytes; the same state gives the same bytes. */
  snapshot(): Uint8Array {
    const writer = new Writer(this.#shared.arena.bytes + bytesPerFunction * this.#models.size + 4096)
    writer.u32(magic)
    writer.u32(version)
    this.#shared.pool.write(writer)
    this.#shared.outcomePool.write(writer)
    this.#shared.drifts.write(writer)
    this.#shared.order.write(writer)
    writer.u32(this.#models.size)
    for (const [fn, model] of this.#models) {
      writer.text(fn)
      model.write(writer)
    }
    return writer.finish()
  }

  /** Takes back a snapshot; `false`, and nothing changed, where the bytes are not one. */
  restore(bytes: Uint8Array): boolean {
    try {
      const reader = new Reader(bytes)
      if (reader.u32() !== magic || reader.u32() !== version) return false
      const shared = this.#share()
      shared.pool.read(reader)
      shared.outcomePool.read(reader)
      shared.drifts.read(reader)
      shared.order.read(reader)
      const count = reader.u32()
      const models = new Map<string, FunctionModel>()
      for (let i = 0; i < count; i++) {
        const model = new FunctionModel(reader.text(), shared)
        model.read(reader)
        models.set(model.fn, model)
      }
      if (!reader.finished || models.size !== count) return false
      this.#shared = shared
      this.#models = models
      this.#used = new Set()
      this.#last = undefined
      return true
    } catch {
      return false
    }
  }
}
