import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { FailMode } from "../FailureClass.ts"
import { weakeningSecondsMax } from "../operate/OperatorProtocol.ts"
import { RolloutSettings, type Settings } from "./Settings.ts"
import { weakens } from "./Weakening.ts"

/** What may change while running and survives a restart. */
export type Watched = "fail_mode" | "rollout"
export const watched: ReadonlyArray<Watched> = ["fail_mode", "rollout"]

/** The share of subjects for which verdicts are enforced: mode and percentage in one number. */
export const enforcedPercent = ({ rollout }: Settings): number => rollout.mode === "enforce" ? rollout.percent : 0

/** Whether settings are weaker than the configured ones. What the configuration says is never a weakening. */
export const isWeaker = (what: Watched, configured: Settings, next: Settings): boolean =>
  what === "fail_mode"
    ? weakens("cellagent.fail_mode", configured.cellagent.fail_mode, next.cellagent.fail_mode)
    : enforcedPercent(next) < enforcedPercent(configured)

/** The part of the settings in words. */
export const inWords = (what: Watched, { cellagent, rollout }: Settings): string =>
  what === "fail_mode" ? cellagent.fail_mode : `${rollout.mode} ${rollout.percent} %`

/**
 * A change that differs from the configuration: what was set, over which configured value, and until when (epoch ms)
 * where it is weaker.
 */
export const RunningChange = Schema.Struct({
  failMode: Schema.optionalKey(Schema.Struct({
    to: FailMode,
    over: FailMode,
    until: Schema.optionalKey(Schema.Finite)
  })),
  rollout: Schema.optionalKey(Schema.Struct({
    to: RolloutSettings,
    over: RolloutSettings,
    until: Schema.optionalKey(Schema.Finite)
  }))
})
export type RunningChange = typeof RunningChange.Type

const Stored = Schema.fromJsonString(Schema.Struct({ v: Schema.Literal(1), changes: RunningChange }))
const encodeStored = Schema.encodeSync(Stored)
const decodeStored = Schema.decodeUnknownResult(Stored)

/** Changes as stored. */
export const encode = (changes: RunningChange): Uint8Array => new TextEncoder().encode(encodeStored({ v: 1, changes }))

/** Changes out of stored bytes, or why there are none. */
export const decode = (bytes: Uint8Array): Result.Result<RunningChange, Schema.SchemaError> =>
  Result.map(decodeStored(new TextDecoder().decode(bytes)), ({ changes }) => changes)

const sameRollout = (a: Settings["rollout"], b: Settings["rollout"]): boolean =>
  a.mode === b.mode && a.percent === b.percent

/** What of the settings in force differs from the configured ones. `until` tells when a weaker part ends. */
export const between = (
  configured: Settings,
  current: Settings,
  until: (what: Watched) => number | undefined
): RunningChange => {
  const ends = (what: Watched): { readonly until?: number } => {
    const at = isWeaker(what, configured, current) ? until(what) : undefined
    return at === undefined ? {} : { until: at }
  }
  const failMode = { to: current.cellagent.fail_mode, over: configured.cellagent.fail_mode }
  return {
    ...(failMode.to === failMode.over ? {} : { failMode: { ...failMode, ...ends("fail_mode") } }),
    ...(sameRollout(current.rollout, configured.rollout)
      ? {}
      : { rollout: { to: current.rollout, over: configured.rollout, ...ends("rollout") } })
  }
}

/** A stored change that still holds: the settings to restore, and the seconds that a weakening has left. */
export interface Restorable {
  readonly next: Settings
  readonly seconds: number | undefined
}

/**
 * Whether a stored change still holds at `now`; the failure says why not. The configuration wins where it was changed
 * since; a weakening keeps its end, and never gets more time than it could have been given.
 */
export const restorable = (
  what: Watched,
  stored: RunningChange,
  configured: Settings,
  now: number
): Result.Result<Restorable, string> | undefined => {
  const change = what === "fail_mode" ? stored.failMode : stored.rollout
  if (change === undefined) return undefined
  const { failMode, rollout } = stored
  const isOver = what === "fail_mode"
    ? failMode?.over === configured.cellagent.fail_mode
    : rollout !== undefined && sameRollout(rollout.over, configured.rollout)
  if (!isOver) return Result.fail("the configuration was changed since")
  const next = what === "fail_mode" && failMode !== undefined
    ? { ...configured, cellagent: { ...configured.cellagent, fail_mode: failMode.to } }
    : { ...configured, rollout: rollout?.to ?? configured.rollout }
  if (!isWeaker(what, configured, next)) return Result.succeed({ next, seconds: undefined })
  const seconds = ((change.until ?? now) - now) / 1000
  return seconds <= 0
    ? Result.fail("its time is over")
    : Result.succeed({ next, seconds: Math.min(seconds, weakeningSecondsMax) })
}
