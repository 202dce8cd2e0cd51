import type { AnomalyShare } from "./AnomalyShare.ts"
import type { Arena } from "./Arena.ts"
import type { DetectorSettings } from "./DetectorSettings.ts"
import type { OrderModel } from "./OrderModel.ts"
import type { ScorePool } from "./ScorePool.ts"
import type { SubjectRates } from "./SubjectRates.ts"

/** What the models of all functions share. */
export interface Shared {
  readonly settings: () => DetectorSettings
  /** Scores of normal calls of all functions, and of their outcomes. */
  readonly pool: ScorePool
  readonly outcomePool: ScorePool
  /** How many of the recent calls of all functions looked anomalous. */
  readonly anomalies: AnomalyShare
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
