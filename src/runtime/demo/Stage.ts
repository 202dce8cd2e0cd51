import type * as Effect from "effect/Effect"
import type { Figures } from "./Figures.ts"

/** What a stage found. It did what it should where there are no problems. */
export interface StageResult {
  readonly summary: string
  readonly problems: ReadonlyArray<string>
  /** Figures for the report, by name. */
  readonly figures?: Partial<Figures> | undefined
}

/** One stage of the demo: what it shows, and how. */
export interface Stage<R> {
  readonly name: string
  readonly shows: string
  readonly run: Effect.Effect<StageResult, never, R>
}

/** Collects what did not hold, each with why. */
export class Checks {
  readonly problems: Array<string> = []

  expect(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem)
  }
}
