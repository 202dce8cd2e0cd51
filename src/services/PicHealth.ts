import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

/** Whether the application is protected, and why not. `line` is the start-up line. */
export interface HealthStatus {
  readonly state: "observing" | "enforcing" | "degraded" | "not_protecting"
  readonly reasons: ReadonlyArray<string>
  readonly line: string
}

/** Health from what the components report. Components hold a named condition while something is wrong. */
export class PicHealth extends Context.Service<PicHealth, {
  /** Reports a condition: `degraded` keeps protecting, `not_protecting` does not. Same name replaces. */
  readonly reportUnsafe: (name: string, severity: "degraded" | "not_protecting", reason: string) => void
  readonly clearUnsafe: (name: string) => void
  readonly status: Effect.Effect<HealthStatus>
  readonly changes: Stream.Stream<HealthStatus>
}>()("effect-pic/services/PicHealth") {}
