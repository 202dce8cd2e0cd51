import * as Schema from "effect/Schema"

/**
 * The external head, which is also the signed checkpoint: how long the log must at least be, its hash there and the
 * Merkle root over everything up to there. It is written with every group of records, before they are acknowledged, so it
 * is never behind an acknowledged record.
 *
 * `log` is the random identity of the log (16 bytes), `time` epoch milliseconds. `mac` is made with the audit key,
 * `signature` (Ed25519) with the checkpoint key; both cover all other fields (see `HeadBytes`).
 */
export const AuditHead = Schema.Struct({
  log: Schema.Uint8Array,
  seq: Schema.Int,
  time: Schema.Finite,
  hash: Schema.Uint8Array,
  root: Schema.Uint8Array,
  keyId: Schema.String,
  mac: Schema.Uint8Array,
  signature: Schema.Uint8Array
})
export type AuditHead = typeof AuditHead.Type
