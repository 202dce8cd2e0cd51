import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { isoTime } from "../../domain/audit/AuditExport.ts"
import { weakeningSecondsMax } from "../../domain/operate/OperatorProtocol.ts"
import * as RunningChange from "../../domain/settings/RunningChange.ts"
import type { Settings } from "../../domain/settings/Settings.ts"
import type { Alerts } from "../../services/Alerts.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig, type RuntimeChange } from "../../services/PicConfig.ts"
import type { PicHealth } from "../../services/PicHealth.ts"
import type { StateStore } from "../../services/StateStore.ts"
import { Weakenings } from "../../services/Weakenings.ts"
import * as StateKeeper from "./StateKeeper.ts"

type Watched = RunningChange.Watched

/** Name of the running changes in the state store. */
export const stateName = "rollout"

/** The change from one state of the settings to another; only keys that differ, since each is said to come from it. */
const changeTo = (what: Watched, from: Settings, to: Settings): RuntimeChange =>
  what === "fail_mode"
    ? { fail_mode: to.cellagent.fail_mode }
    : {
      rollout: {
        ...(from.rollout.mode === to.rollout.mode ? {} : { mode: to.rollout.mode }),
        ...(from.rollout.percent === to.rollout.percent ? {} : { percent: to.rollout.percent })
      }
    }

/**
 * Layer that watches over running changes; the configuration is what is in force when it starts. A change that code made
 * through `PicConfig.change` is not ended while the process runs; over a restart it is kept as long as an operator's
 * could last.
 */
export const layer: Layer.Layer<
  Weakenings,
  never,
  PicConfig | PicClock | AuditLogger | StateStore | Alerts | PicHealth
> = Layer.effect(
  Weakenings,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const audit = yield* AuditLogger
    const configured = config.settingsUnsafe()
    const origins = yield* config.origins
    /** When an operator's weakening ends, and until when one that code made is kept over a restart (epoch ms). */
    const ends = new Map<Watched, number>()
    const untimed = new Map<Watched, number>()
    const timers = yield* FiberMap.make<Watched>()

    // Uninterruptible: the change is followed by whoever watches the settings, and its record must not be lost over that.
    const giveBack = (what: Watched) =>
      config.change(
        changeTo(what, config.settingsUnsafe(), configured),
        (key) => origins.get(key) ?? "default"
      ).pipe(
        Effect.match({
          onSuccess: () => {
            ends.delete(what)
            audit.recordUnsafe("operator", { action: "return", what, to: RunningChange.inWords(what, configured) })
          },
          onFailure: (error) => audit.recordUnsafe("operator", { action: "return", what, refused: error.message })
        }),
        Effect.uninterruptible
      )
    const endAfter = (what: Watched, seconds: number) => {
      untimed.delete(what)
      ends.set(what, clock.nowUnsafe() + seconds * 1000)
      return Effect.asVoid(FiberMap.run(timers, what, Effect.andThen(Effect.sleep(seconds * 1000), giveBack(what))))
    }
    const forget = (what: Watched) => {
      untimed.delete(what)
      ends.delete(what)
      return FiberMap.remove(timers, what)
    }

    const restoreOne = (what: Watched, stored: RunningChange.RunningChange) =>
      Effect.gen(function*() {
        const found = RunningChange.restorable(what, stored, configured, clock.nowUnsafe())
        if (found === undefined) return
        const dropped = (why: string) => audit.recordUnsafe("operator", { action: "not restored", what, why })
        if (Result.isFailure(found)) return dropped(found.failure)
        const { next, seconds } = found.success
        const until = seconds === undefined ? undefined : clock.nowUnsafe() + seconds * 1000
        const origin = until === undefined ? "runtime, restored" : `runtime, restored, until ${isoTime(until)}`
        const applied = yield* Effect.result(config.change(changeTo(what, configured, next), () => origin))
        if (Result.isFailure(applied)) return dropped(applied.failure.message)
        if (seconds !== undefined) yield* endAfter(what, seconds)
        const to = RunningChange.inWords(what, next)
        audit.recordUnsafe("operator", { action: "restore", what, to, ...(until === undefined ? {} : { until }) })
      })
    const kept = yield* StateKeeper.make([{
      name: stateName,
      what: "stored rollout state",
      without: "rollout and fail mode are as configured",
      snapshot: Effect.sync(() =>
        RunningChange.encode(
          RunningChange.between(configured, config.settingsUnsafe(), (what) => ends.get(what) ?? untimed.get(what))
        )
      ),
      restore: (bytes) =>
        Effect.gen(function*() {
          const stored = RunningChange.decode(bytes)
          if (Result.isFailure(stored)) return "unknown or damaged format"
          for (const what of RunningChange.watched) yield* restoreOne(what, stored.success)
          return undefined
        })
    }])

    const followOne = (what: Watched) => {
      const isWeaker = RunningChange.isWeaker(what, configured, config.settingsUnsafe())
      if (!isWeaker) return forget(what)
      if (!ends.has(what) && !untimed.has(what)) untimed.set(what, clock.nowUnsafe() + weakeningSecondsMax * 1000)
      return Effect.void
    }
    const save = Effect.ignore(kept.save)
    const follow = Effect.andThen(Effect.forEach(RunningChange.watched, followOne, { discard: true }), save)
    yield* Effect.forkScoped(Stream.runForEach(config.changes, () => follow), { startImmediately: true })

    return Weakenings.of({
      weakens: (what, next) => RunningChange.isWeaker(what, configured, next),
      note: (what, next, seconds) =>
        Effect.andThen(
          Effect.suspend(() => RunningChange.isWeaker(what, configured, next) ? endAfter(what, seconds) : forget(what)),
          save
        ),
      list: Effect.sync(() =>
        Array.from(ends, ([what, until]) => ({ what, until, returnsTo: RunningChange.inWords(what, configured) }))
      )
    })
  })
)
