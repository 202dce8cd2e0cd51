import * as Schema from "effect/Schema"

const Fraction = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** What the brain asks of its agents, inside every signed reply. Rates and utilisation are fractions in 0..1. */
export const BackpressureSignal = Schema.Struct({
  active: Schema.Boolean,
  recommendedRate: Fraction,
  queueUtilization: Fraction,
  reason: Schema.String.check(Schema.isMaxLength(128))
})
export type BackpressureSignal = typeof BackpressureSignal.Type

/** The signal of an idle brain. */
export const clear: BackpressureSignal = { active: false, recommendedRate: 1, queueUtilization: 0, reason: "" }
