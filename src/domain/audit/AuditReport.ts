import * as Schema from "effect/Schema"

/** What is wrong with a log, named by what an attacker or a fault did to it. */
export const Damage = Schema.Literals([
  "malformed",
  "bad_hash",
  "bad_mac",
  "unknown_key",
  "broken_link",
  "missing",
  "duplicate",
  "reordered",
  "truncated",
  "rolled_back",
  "head_missing",
  "head_forged",
  "checkpoint_forged",
  "forked"
])
export type Damage = typeof Damage.Type

/** The result of a verification: sound, or the first bad record and the kind of damage. */
export const AuditReport = Schema.Struct({
  ok: Schema.Boolean,
  records: Schema.Int,
  headSeq: Schema.Int,
  /** The last record that was retired; verification began behind it, at an anchor that the checkpoint key signed. */
  retired: Schema.optionalKey(Schema.Int),
  damage: Schema.optionalKey(Damage),
  badSeq: Schema.optionalKey(Schema.Int),
  detail: Schema.String
})
export type AuditReport = typeof AuditReport.Type
