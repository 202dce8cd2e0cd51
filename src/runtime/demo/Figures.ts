import type { Accounting } from "../../domain/flow/Accounting.ts"
import type { Kind } from "./DemoData.ts"

/** What the stages measure. Rates are fractions, times microseconds. */
export interface Figures {
  readonly detectionRate: number
  readonly falsePositiveRate: number
  readonly p50Us: number
  readonly p99Us: number
  /** What protection adds to the median request, as a fraction of it. */
  readonly overhead: number
  readonly byKind: ReadonlyArray<{ readonly kind: Kind; readonly blocked: number; readonly all: number }>
  readonly auditVerified: boolean
  readonly auditRecords: number
  readonly blocked: number
  readonly accounting: Accounting
}
