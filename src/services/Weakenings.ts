import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Weakening } from "../domain/operate/OperatorProtocol.ts"
import type { Watched } from "../domain/settings/RunningChange.ts"
import type { Settings } from "../domain/settings/Settings.ts"

/**
 * The changes of rollout and fail mode that were made while running: those weaker than the configuration end by
 * themselves, all of them survive a restart.
 */
export class Weakenings extends Context.Service<Weakenings, {
  /** Whether these settings are weaker than the configured ones. */
  readonly weakens: (what: Watched, next: Settings) => boolean
  /**
   * Notes a change that was applied, and saves it: one that is weaker returns to the configuration after `seconds`,
   * another no longer does.
   */
  readonly note: (what: Watched, next: Settings, seconds: number) => Effect.Effect<void>
  readonly list: Effect.Effect<ReadonlyArray<Weakening>>
}>()("effect-pic/services/Weakenings") {}
