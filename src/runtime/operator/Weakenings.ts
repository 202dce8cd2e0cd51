import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import type * as Scope from "effect/Scope"
import type { Weakening } from "../../domain/OperatorProtocol.ts"
import type { Settings } from "../../domain/Settings.ts"
import type { SettingKey } from "../../domain/SettingKeys.ts"
import { valueOf } from "../../domain/SettingsDecode.ts"
import { weakens } from "../../domain/Weakening.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig, type RuntimeChange } from "../../services/PicConfig.ts"

/** The settings that an operator may weaken, and only for a time. */
export type WatchedKey = "cellagent.fail_mode" | "rollout.mode" | "rollout.percent"

const watched: ReadonlyArray<WatchedKey> = ["cellagent.fail_mode", "rollout.mode", "rollout.percent"]

const toChange = (key: WatchedKey, configured: Settings): RuntimeChange => {
  switch (key) {
    case "cellagent.fail_mode":
      return { fail_mode: configured.cellagent.fail_mode }
    case "rollout.mode":
      return { rollout: { mode: configured.rollout.mode } }
    case "rollout.percent":
      return { rollout: { percent: configured.rollout.percent } }
  }
}

/** The changes in force that are weaker than the configuration, each with the time at which it ends. */
export interface Weakenings {
  /** Which keys a change to `next` would make weaker than configured. */
  readonly weakened: (next: Settings) => ReadonlyArray<WatchedKey>
  /** Notes the settings now in force: weaker ones return after `seconds`, others no longer do. */
  readonly note: (next: Settings, changed: ReadonlySet<SettingKey>, seconds: number) => Effect.Effect<void>
  readonly list: Effect.Effect<ReadonlyArray<Weakening>>
}

/**
 * Watches over weakenings in the current scope. Weaker means weaker than the settings at the start: what the
 * configuration says is never a weakening.
 */
export const make: Effect.Effect<Weakenings, never, PicConfig | PicClock | AuditLogger | Scope.Scope> = Effect.gen(
  function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const audit = yield* AuditLogger
    const configured = config.settingsUnsafe()
    const ends = new Map<WatchedKey, number>()
    const timers = yield* FiberMap.make<WatchedKey>()

    const isWeaker = (key: WatchedKey, next: Settings): boolean =>
      weakens(key, valueOf(configured, key), valueOf(next, key))

    const giveBack = (key: WatchedKey) =>
      config.change(toChange(key, configured)).pipe(
        Effect.andThen(Effect.sync(() => {
          ends.delete(key)
          audit.recordUnsafe("operator", { action: "return", key, to: String(valueOf(configured, key)) })
        })),
        Effect.catch((error) =>
          Effect.sync(() => audit.recordUnsafe("operator", { action: "return", key, refused: error.message }))
        )
      )

    const note: Weakenings["note"] = (next, changed, seconds) =>
      Effect.forEach(watched, (key) => {
        if (!isWeaker(key, next)) {
          ends.delete(key)
          return FiberMap.remove(timers, key)
        }
        if (!changed.has(key)) return Effect.void
        ends.set(key, clock.nowUnsafe() + seconds * 1000)
        return FiberMap.run(timers, key, Effect.andThen(Effect.sleep(seconds * 1000), giveBack(key)))
      }, { discard: true })

    return {
      weakened: (next) => watched.filter((key) => isWeaker(key, next)),
      note,
      list: Effect.sync(() =>
        [...ends].map(([key, until]) => ({
          key,
          until,
          returnsTo: valueOf(configured, key) as string | number
        }))
      )
    }
  }
)
