import type { Settings } from "./settings/Settings.ts"

/** Most conditions held at once: components have fixed names for theirs, so this is never reached unless one misbehaves. */
export const conditionsMax = 64

/** Something that is wrong now. `degraded` keeps protecting, `not_protecting` does not. */
export interface Condition {
  readonly severity: "degraded" | "not_protecting"
  readonly reason: string
}

/** Health in one word, its reasons, and the line that says it. */
export interface Health {
  readonly state: "observing" | "enforcing" | "degraded" | "not_protecting"
  readonly reasons: ReadonlyArray<string>
  readonly line: string
}

/** What is done while nothing is wrong. */
const mode = (rollout: Settings["rollout"]): string =>
  rollout.mode === "observe" ? "OBSERVING" : `ENFORCING ${Number(rollout.percent.toFixed(2))} %`

/** Health from the settings and the conditions: the worst wins, and the line says what and why. */
export const status = (settings: Settings, conditions: ReadonlyArray<Condition>): Health => {
  const fatal = conditions.filter((c) => c.severity === "not_protecting").map((c) => c.reason)
  if (!settings.cellagent.enabled) fatal.unshift("cellagent.enabled is false")
  const degraded = conditions.filter((c) => c.severity === "degraded").map((c) => c.reason)
  const reasons = [...fatal, ...degraded]
  if (fatal.length > 0) return { state: "not_protecting", reasons, line: `NOT PROTECTING: ${fatal.join("; ")}` }
  const doing = mode(settings.rollout)
  if (degraded.length > 0) return { state: "degraded", reasons, line: `${doing} (degraded: ${degraded.join("; ")})` }
  return { state: settings.rollout.mode === "observe" ? "observing" : "enforcing", reasons, line: doing }
}
