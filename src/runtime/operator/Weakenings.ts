import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import type * as Scope from "effect/Scope"
import type { Weakening } from "../../domain/OperatorProtocol.ts"
import type { Settings } from "../../domain/Settings.ts"
import { weakens } from "../../domain/Weakening.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig, type RuntimeChange } from "../../services/PicConfig.ts"

/** What an operator may weaken, and only for a time. */
export type Watched = "fail_mode" | "rollout"

/** The share of subjects for which verdicts are enforced: mode and percentage in one number. */
export const enforcedPercent = ({ rollout }: Settings): number => rollout.mode === "enforce" ? rollout.percent : 0

/** Whether settings are weaker than the configured ones. What the configuration says is never a weakening. */
export const isWeaker = (what: Watched, configured: Settings, next: Settings): boolean =>
  what === "fail_mode"
    ? weakens("cellagent.fail_mode", configured.cellagent.fail_mode, next.cellagent.fail_mode)
    : enforcedPercent(next) < enforcedPercent(configured)

const inWords = (what: Watched, { cellagent, rollout }: Settings): string =>
  what === "fail_mode" ? cellagent.fail_mode : `${rollout.mode} ${rollout.percent} %`

const toChange = (what: Watched, { cellagent, rollout }: Settings): RuntimeChange =>
  what === "fail_mode" ? { fail_mode: cellagent.fail_mode } : { rollout }

/** The changes in force that are weaker than the configuration, each with the time at which it ends. */
export interface Weakenings {
  /** Whether these settings are weaker than the configured ones. */
  readonly weakens: (what: Watched, next: Settings) => boolean
  /** Notes a change: one that is weaker returns to the configuration after `seconds`, another no longer does. */
  readonly note: (what: Watched, next: Settings, seconds: number) => Effect.Effect<void>
  readonly list: Effect.Effect<ReadonlyArray<Weakening>>
}

/** Watches over weakenings in the current scope; the configuration is what is in force when it starts. */
export const make: Effect.Effect<Weakenings, never, PicConfig | PicClock | AuditLogger | Scope.Scope> = Effect.gen(
  function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const audit = yield* AuditLogger
    const configured = config.settingsUnsafe()
    const ends = new Map<Watched, number>()
    const timers = yield* FiberMap.make<Watched>()

    const giveBack = (what: Watched) =>
      config.change(toChange(what, configured)).pipe(
        Effect.match({
          onSuccess: () => {
            ends.delete(what)
            audit.recordUnsafe("operator", { action: "return", what, to: inWords(what, configured) })
          },
          onFailure: (error) => audit.recordUnsafe("operator", { action: "return", what, refused: error.message })
        })
      )

    const note: Weakenings["note"] = (what, next, seconds) => {
      if (!isWeaker(what, configured, next)) {
        ends.delete(what)
        return FiberMap.remove(timers, what)
      }
      ends.set(what, clock.nowUnsafe() + seconds * 1000)
      return Effect.asVoid(FiberMap.run(timers, what, Effect.andThen(Effect.sleep(seconds * 1000), giveBack(what))))
    }

    return {
      weakens: (what, next) => isWeaker(what, configured, next),
      note,
      list: Effect.sync(() => [...ends].map(([what, until]) => ({ what, until, returnsTo: inWords(what, configured) })))
    }
  }
)
