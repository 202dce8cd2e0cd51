import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { AuditBody, AuditKind, AuditRecord } from "../domain/audit/AuditRecord.ts"
import type { AuditReport } from "../domain/audit/AuditReport.ts"
import type { InclusionProof } from "../domain/audit/InclusionProof.ts"

/** The record was not durable in time; it may still be written. */
export class AuditTimeout extends Schema.TaggedError<AuditTimeout>()("AuditTimeout", { waitMs: Schema.Finite }) {
  override get message() {
    return `the record was not durable within ${this.waitMs} ms; it may still be written`
  }
}

/** The store cannot write: full, failed, locked or shorter than its head. */
export class AuditUnavailable
  extends Schema.TaggedError<AuditUnavailable>()("AuditUnavailable", { detail: Schema.String })
{
  override get message() {
    return `evidence is unavailable: ${this.detail}`
  }
}

/** Why evidence could not be written or read. */
export class AuditLoggerError extends Schema.TaggedError<AuditLoggerError>()("AuditLoggerError", {
  reason: Schema.Union([AuditTimeout, AuditUnavailable])
}) {
  override get message() {
    return this.reason.message
  }
}

/** Selects records; all bounds inclusive. `limit` is capped. */
export interface AuditQuery {
  readonly kind?: AuditKind | undefined
  readonly fn?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly limit?: number | undefined
}

/** Signed, hash-chained evidence with an external head. */
export class AuditLogger extends Context.Service<AuditLogger, {
  /** Writes one record and waits until it is durable, at most `audit.wait_ms`. */
  readonly record: (kind: AuditKind, body: AuditBody) => Effect.Effect<AuditRecord, AuditLoggerError>
  /** Queues one record without waiting; what cannot be queued becomes part of a gap record. */
  readonly recordUnsafe: (kind: AuditKind, body: AuditBody) => void
  /** Counts an allowed call into the summary of its function and second. */
  readonly noteAllowUnsafe: (fn: string) => void
  /** Counts a loss (a dropped event, an unreported outcome) into the next gap record. */
  readonly noteLossUnsafe: (what: string, count: number) => void
  /** Writes everything queued and waits until it is durable. */
  readonly flush: Effect.Effect<void, AuditLoggerError>
  /** Checks the whole chain against the external head. */
  readonly verify: Effect.Effect<AuditReport, AuditLoggerError>
  /**
   * Records that match, oldest first. The whole log is read and verified for every answer, so that a store cannot hide a
   * record from it: `scanned` records were checked, `total` of them match, of which `records` are at most `limit`.
   */
  readonly query: (query: AuditQuery) => Effect.Effect<
    { readonly records: ReadonlyArray<AuditRecord>; readonly scanned: number; readonly total: number },
    AuditLoggerError
  >
  /**
   * Proves that one record is in the signed tree, to somebody who has only the public checkpoint key. Reads and verifies the
   * whole log; fails for a record that no checkpoint covers yet (they are at most a second behind).
   */
  readonly prove: (seq: number) => Effect.Effect<InclusionProof, AuditLoggerError>
  /** Records as they become durable. */
  readonly tail: Stream.Stream<AuditRecord>
}>()("effect-pic/services/AuditLogger") {}
