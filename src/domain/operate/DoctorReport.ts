import * as Schema from "effect/Schema"

/** The name under which canaries travel; reserved, so that nothing of an application is learned from them. */
export const canaryFunction = "pic.doctor"

/** One hop that a canary took: the service that it proves, whether it did its work, and how long it took. */
export const Hop = Schema.Struct({
  service: Schema.String.check(Schema.isMaxLength(64)),
  proof: Schema.String.check(Schema.isMaxLength(160)),
  ok: Schema.Boolean,
  latencyUs: Schema.Finite,
  detail: Schema.String.check(Schema.isMaxLength(400))
})
export type Hop = typeof Hop.Type

/** What the doctor found. `protecting` is the health's word; `broken` names the services whose proof failed, in order. */
export const DoctorReport = Schema.Struct({
  ok: Schema.Boolean,
  protecting: Schema.Boolean,
  health: Schema.String,
  broken: Schema.Array(Schema.String),
  hops: Schema.Array(Hop)
})
export type DoctorReport = typeof DoctorReport.Type

/** The report of hops and of the health's verdict. */
export const report = (hops: ReadonlyArray<Hop>, protecting: boolean, health: string): DoctorReport => {
  const broken = [...new Set(hops.filter((hop) => !hop.ok).map((hop) => hop.service))]
  return { ok: protecting && broken.length === 0, protecting, health, broken, hops }
}
