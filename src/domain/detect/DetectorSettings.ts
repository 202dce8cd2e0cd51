import type { Arena } from "./Arena.ts"
import type { OrderModel } from "./OrderModel.ts"
import type { ScorePool } from "./ScorePool.ts"
import type { SubjectRates } from "./SubjectRates.ts"

/** The settings that the detector follows; they are read on each use. */
export interface DetectorSettings {
  /** The false-positive budget per call. */
  readonly falsePositiveRate: number
  /** Learned calls before a function is judged. */
  readonly minSamples: number
  readonly minSeconds: number
  readonly minSessions: number
  /** Functions remembered; the least recently used one goes. */
  readonly functionsMax: number
}

/** Share of the false-positive budget that drift and order each add to it: they look at the same traffic over and over. */
export const contextShare = 0.1

/** What the models of all functions share. */
export interface Shared {
  readonly settings: () => DetectorSettings
  readonly pool: ScorePool
  /** Where the numbers of all models lie. */
  readonly arena: Arena
  readonly subjects: SubjectRates
  /** The order of calls in sessions, over all functions. */
  readonly order: OrderModel
  /** Evidence of drift in normal calls of all functions. */
  readonly drifts: ScorePool
  /** Entries that the count table of one function may grow to now: a share of the memory for all. */
  readonly entriesMax: () => number
}
