import * as Schema from "effect/Schema"

/**
 * The external head: the length and last hash of the log, kept apart from it, plus the last Ed25519 checkpoint.
 *
 * `mac` covers size and hash with the audit key; `checkpointSignature` covers `checkpointSeq`, `checkpointHash` and the
 * Merkle root.
 */
export const AuditHead = Schema.Struct({
  seq: Schema.Int,
  hash: Schema.Uint8Array,
  keyId: Schema.String,
  mac: Schema.Uint8Array
})
export type AuditHead = typeof AuditHead.Type
