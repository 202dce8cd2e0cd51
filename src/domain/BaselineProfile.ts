import * as Schema from "effect/Schema"

/** What is visible of the baseline of one function. `needed` says what is still missing before it is judged. */
export const BaselineProfile = Schema.Struct({
  fn: Schema.String,
  state: Schema.Literals(["learning", "calibrating", "ready"]),
  learned: Schema.Int,
  calibrated: Schema.Int,
  needed: Schema.String,
  firstSeen: Schema.Finite,
  lastSeen: Schema.Finite
})
export type BaselineProfile = typeof BaselineProfile.Type
