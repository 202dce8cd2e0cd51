import * as Schema from "effect/Schema"

/**
 * What is visible of the baseline of one function. `anomalous` is the share (0..1) of its recent calls that looked
 * anomalous; `needed` says what is still missing before it is judged.
 */
export const BaselineProfile = Schema.Struct({
  fn: Schema.String,
  state: Schema.Literals(["learning", "calibrating", "ready"]),
  learned: Schema.Int,
  calibrated: Schema.Int,
  anomalous: Schema.Finite,
  needed: Schema.String,
  firstSeen: Schema.Finite,
  lastSeen: Schema.Finite
})
export type BaselineProfile = typeof BaselineProfile.Type
