import * as Schema from "effect/Schema"
import { auditKinds } from "./AuditKinds.ts"

/** What a record is evidence of. Append only. */
export const AuditKind = Schema.Literals(auditKinds)
export type AuditKind = typeof AuditKind.Type

/** The content of a record before it is encoded: flat JSON, no raw argument. */
export type AuditBody = { readonly [key: string]: Schema.Json }

/**
 * One record of the chain, as stored. `hash` covers everything but itself and the `mac`; `mac` covers the hash.
 *
 * `time` is epoch milliseconds; `seq` starts at 1 without gaps; `body` is the stored bytes, never re-encoded.
 */
export const AuditRecord = Schema.Struct({
  seq: Schema.Int,
  time: Schema.Finite,
  kind: AuditKind,
  body: Schema.Uint8Array,
  prevHash: Schema.Uint8Array,
  hash: Schema.Uint8Array,
  keyId: Schema.String,
  mac: Schema.Uint8Array
})
export type AuditRecord = typeof AuditRecord.Type
