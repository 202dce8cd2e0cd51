import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { AuditBody, AuditKind } from "../../domain/audit/AuditRecord.ts"
import { isoTime } from "../../domain/audit/AuditExport.ts"
import { type Exception, inWords } from "../../domain/decide/Exceptions.ts"
import {
  type ExceptionInfo,
  type OperatorCommand,
  type OperatorReply,
  weakeningSecondsDefault
} from "../../domain/operate/OperatorProtocol.ts"
import type { Watched } from "../../domain/settings/RunningChange.ts"
import { settings as knownSettings } from "../../domain/settings/SettingKeys.ts"
import { valueOf } from "../../domain/settings/SettingsDecode.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { BrainCore } from "../../services/BrainCore.ts"
import { CellAgent } from "../../services/CellAgent.ts"
import { Exceptions, type ExceptionsError } from "../../services/Exceptions.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig, type RuntimeChange } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import { Weakenings } from "../../services/Weakenings.ts"
import * as Doctor from "../Doctor.ts"

/** Most profiles in a status: beyond it the reply would outgrow its limit; the total is told. */
export const profilesMax = 1_000

const refused = (message: string): OperatorReply => ({ _tag: "Refused", message })
const done = (result: unknown): OperatorReply => ({ _tag: "Done", result: result as Schema.Json })

const infoOf = (exception: Exception): ExceptionInfo => {
  const { patterns: _, ...rest } = exception
  return { ...rest, covers: inWords(exception) }
}

/** Makes the function that carries commands out. Changes are made one after the other. */
export const make: Effect.Effect<
  (command: OperatorCommand) => Effect.Effect<OperatorReply>,
  never,
  Doctor.Services | Weakenings
> = Effect.gen(function*() {
  const config = yield* PicConfig
  const audit = yield* AuditLogger
  const health = yield* PicHealth
  const metrics = yield* PicMetrics
  const agent = yield* CellAgent
  const brain = yield* BrainCore
  const profiler = yield* BaselineProfiler
  const exceptions = yield* Exceptions
  const clock = yield* PicClock
  const weakenings = yield* Weakenings
  const turn = yield* Semaphore.make(1)
  const doctor = yield* Effect.context<Doctor.Services>()

  /** Writes a record and waits for it; `false` where it could not be written. */
  const record = (kind: AuditKind, body: AuditBody): Effect.Effect<boolean> =>
    Effect.match(audit.record(kind, body), { onSuccess: () => true, onFailure: () => false })

  const rolloutState = Effect.gen(function*() {
    const { cellagent, rollout } = config.settingsUnsafe()
    const all = yield* config.origins
    const origins = Object.fromEntries(
      ["rollout.mode", "rollout.percent", "cellagent.fail_mode"].map((key) => [key, all.get(key) ?? "default"])
    )
    return { ...rollout, failMode: cellagent.fail_mode, origins, weakenings: yield* weakenings.list }
  })

  const status = Effect.gen(function*() {
    const profiles = yield* profiler.profiles
    return {
      health: yield* health.status,
      accounting: yield* agent.accounting,
      stats: yield* metrics.getStats,
      brain: yield* brain.status,
      rollout: yield* rolloutState,
      profiles: profiles.slice(0, profilesMax),
      profilesTotal: profiles.length
    }
  })

  /**
   * Evidence first: the request is on record before anything changes. Without evidence a weakening is refused; a
   * change that strengthens goes ahead, since refusing it would leave the weaker state.
   */
  const change = (
    what: Watched,
    wanted: RuntimeChange,
    forSeconds: number | undefined
  ): Effect.Effect<OperatorReply> =>
    Effect.gen(function*() {
      const before = config.settingsUnsafe()
      const next = {
        ...before,
        cellagent: { ...before.cellagent, fail_mode: wanted.fail_mode ?? before.cellagent.fail_mode },
        rollout: { ...before.rollout, ...wanted.rollout }
      }
      const weaker = weakenings.weakens(what, next)
      if (forSeconds !== undefined && !weaker) {
        return refused("--for is only for a change that is weaker than the configuration; this one is not and stays")
      }
      const seconds = forSeconds ?? weakeningSecondsDefault
      const body: AuditBody = {
        action: what,
        ...(wanted.fail_mode === undefined ? {} : { failMode: wanted.fail_mode }),
        ...wanted.rollout,
        ...(weaker ? { weakens: true, forSeconds: seconds } : {})
      }
      const recorded = yield* record("operator", body)
      if (!recorded && weaker) {
        return refused(
          "nothing was changed: the change weakens the protection and its audit record could not be written"
        )
      }
      const applied = yield* Effect.result(
        config.change(
          wanted,
          () => weaker ? `runtime, until ${isoTime(clock.nowUnsafe() + seconds * 1000)}` : "runtime"
        )
      )
      if (Result.isFailure(applied)) {
        yield* record("operator", { ...body, refused: applied.failure.message })
        return refused(applied.failure.message)
      }
      yield* weakenings.note(what, applied.success, seconds)
      yield* record("operator", { ...body, done: true })
      return done(yield* rolloutState)
    }).pipe(turn.withPermits(1))

  /** A function that learns runs unjudged: that it was sent back to learning is on record first, or it is not. */
  const relearn = (fn: string, reason: string, owner: string): Effect.Effect<OperatorReply> =>
    Effect.gen(function*() {
      const profile = yield* profiler.profile(fn)
      if (profile === undefined) return refused(`nothing was learned about ${fn}: see pic status`)
      if (!(yield* record("operator", { action: "relearn", fn, learned: profile.learned, reason, owner }))) {
        return refused("nothing was changed: the audit record could not be written")
      }
      yield* profiler.forget(fn)
      return done({ fn, forgotten: profile.learned })
    }).pipe(turn.withPermits(1))

  const effective = Effect.gen(function*() {
    const settings = config.settingsUnsafe()
    const values = Object.fromEntries(Array.from(knownSettings.keys(), (key) => [key, valueOf(settings, key)]))
    return { pid: process.pid, values, origins: Object.fromEntries(yield* config.origins) }
  })
  const ofException = (result: Effect.Effect<Exception, ExceptionsError>): Effect.Effect<OperatorReply> =>
    Effect.match(result, {
      onSuccess: (exception) => done(infoOf(exception)),
      onFailure: (error) => refused(error.message)
    })

  return (command) => {
    switch (command._tag) {
      case "Status":
        return Effect.andThen(record("operator", { action: "status" }), Effect.map(status, done))
      case "RolloutStatus":
        return Effect.andThen(record("operator", { action: "rollout status" }), Effect.map(rolloutState, done))
      case "RolloutSet": {
        const { forSeconds, mode, percent } = command
        if (mode === undefined && percent === undefined) {
          return Effect.succeed(refused("nothing to set: mode or percent"))
        }
        const rollout = { ...(mode === undefined ? {} : { mode }), ...(percent === undefined ? {} : { percent }) }
        return change("rollout", { rollout }, forSeconds)
      }
      case "ModeSet":
        return change("fail_mode", { fail_mode: command.failMode }, command.forSeconds)
      case "Config":
        return Effect.andThen(record("operator", { action: "config show" }), Effect.map(effective, done))
      case "Allow":
        return ofException(exceptions.allow({ ...command, seconds: command.forSeconds }))
      case "ExceptionRevoke":
        return ofException(exceptions.revoke(command.id, command.owner))
      case "ExceptionsList":
        return Effect.andThen(
          record("operator", { action: "exceptions list" }),
          Effect.map(exceptions.list, (list) => done(list.map(infoOf)))
        )
      case "Relearn":
        return relearn(command.fn, command.reason, command.owner)
      case "Doctor":
        return Effect.andThen(
          record("operator", { action: "doctor", note: "a forged and a replayed canary follow and must be refused" }),
          Effect.map(Effect.provideContext(Doctor.run({ thorough: false }), doctor), done)
        )
    }
  }
})
