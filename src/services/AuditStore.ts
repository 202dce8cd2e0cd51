import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AuditAnchor } from "../domain/audit/AuditAnchor.ts"
import type { AuditHead } from "../domain/audit/AuditHead.ts"
import type { AuditKind, AuditRecord } from "../domain/audit/AuditRecord.ts"

/** The store cannot serve: what failed, and whether the handle is poisoned and must be reopened. */
export class AuditStoreError extends Schema.TaggedError<AuditStoreError>()("AuditStoreError", {
  detail: Schema.String,
  poisoned: Schema.Boolean
}) {
  override get message() {
    return `audit store: ${this.detail}`
  }
}

/** An entry to append; the store gives it its place in the chain. */
export interface AuditEntry {
  readonly time: number
  readonly kind: AuditKind
  readonly body: Uint8Array
}

/**
 * Where evidence lies. `append` reads the predecessor and writes its successors in one transaction, is durable when it
 * answers, and moves the external head with it.
 */
export class AuditStore extends Context.Service<AuditStore, {
  readonly append: (entries: ReadonlyArray<AuditEntry>) => Effect.Effect<ReadonlyArray<AuditRecord>, AuditStoreError>
  /** Records from `fromSeq` on, in order, at most `limit`; fewer where they are large. */
  readonly read: (fromSeq: number, limit: number) => Effect.Effect<ReadonlyArray<AuditRecord>, AuditStoreError>
  /** Number of the last record that the log holds now, 0 for an empty one. May be ahead of the head, never behind. */
  readonly lastSeq: Effect.Effect<number, AuditStoreError>
  /** The external head: how long the log must at least be, and its hash there. */
  readonly head: Effect.Effect<AuditHead | undefined, AuditStoreError>
  /** Every head that the head file holds: the last one and the one before it. Verification checks them all. */
  readonly heads: Effect.Effect<ReadonlyArray<AuditHead>, AuditStoreError>
  /** Where the log begins, if its oldest records were retired. */
  readonly anchor: Effect.Effect<AuditAnchor | undefined, AuditStoreError>
  /** Deletes the records up to an anchor that the caller has verified and signed, and begins the log there. */
  readonly retire: (anchor: AuditAnchor) => Effect.Effect<void, AuditStoreError>
}>()("effect-pic/services/AuditStore") {}
