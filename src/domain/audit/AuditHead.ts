import * as Schema from "effect/Schema"

/**
 * A signed statement about the first `seq` records: the hash of the last one and the RFC 6962 Merkle root over all of
 * them. Made with the checkpoint key (Ed25519), so that the audit keys alone cannot rewrite what it covers.
 */
export const AuditCheckpoint = Schema.Struct({
  seq: Schema.Int,
  time: Schema.Finite,
  hash: Schema.Uint8Array,
  root: Schema.Uint8Array,
  signature: Schema.Uint8Array
})
export type AuditCheckpoint = typeof AuditCheckpoint.Type

/**
 * The external head: how long the log must at least be, and its hash there. It is written with every group of records,
 * before they are acknowledged, so it is never behind an acknowledged record; its checkpoint may be, a little.
 *
 * `log` is the random identity of the log (16 bytes), times are epoch milliseconds. `mac` is made with the audit key and
 * covers all other fields (see `HeadSigning`).
 */
export const AuditHead = Schema.Struct({
  log: Schema.Uint8Array,
  seq: Schema.Int,
  time: Schema.Finite,
  hash: Schema.Uint8Array,
  checkpoint: AuditCheckpoint,
  keyId: Schema.String,
  mac: Schema.Uint8Array
})
export type AuditHead = typeof AuditHead.Type
