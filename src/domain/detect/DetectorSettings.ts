import type { Arena } from "./Arena.ts"
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

/** What the models of all functions share. */
export interface Shared {
  readonly settings: () => DetectorSettings
  readonly pool: ScorePool
  /** Where the numbers of all models lie. */
  readonly arena: Arena
  readonly subjects: SubjectRates
  /** Entries that the count table of one function may grow to now: a share of the memory for all. */
  readonly entriesMax: () => number
}
