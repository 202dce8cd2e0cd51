import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { SettingsInput } from "../../domain/settings/Settings.ts"
import type { SettingKey } from "../../domain/settings/SettingKeys.ts"
import { applyChange, collect, type Refusal, resolve, type Resolved } from "../../domain/settings/SettingsDecode.ts"
import {
  InvalidSetting,
  LockedSetting,
  PicConfig,
  PicConfigError,
  type RuntimeChange,
  UnknownSetting
} from "../../services/PicConfig.ts"
import { readEnvironment } from "./ConfigEnvironment.ts"
import { existingFiles, readFile } from "./ConfigFiles.ts"

/** Changes kept for a slow subscriber of `changes`; each carries the whole settings, so only the last one matters. */
const changesBuffered = 16

/** How the configuration is found. */
export interface ConfigOptions {
  /** Files to read; without it the default files of the working directory that exist. An empty list reads none. */
  readonly files?: ReadonlyArray<string> | undefined
  /** Directory of the default files; the working directory by default. */
  readonly directory?: string | undefined
  /** Values given by code: they win over environment and files. */
  readonly settings?: SettingsInput | undefined
  /** Keys that neither files nor environment nor a running change may weaken. */
  readonly locked?: ReadonlyArray<SettingKey> | undefined
}

/** The settings found, their origins, and what is locked. */
export type Loaded = Resolved & { readonly locked: ReadonlyMap<SettingKey, unknown> }

const toReason = (refusal: Refusal): PicConfigError["reason"] => {
  switch (refusal._tag) {
    case "InvalidSetting":
      return new InvalidSetting(refusal)
    case "UnknownSetting":
      return new UnknownSetting(refusal)
    case "LockedSetting":
      return new LockedSetting(refusal)
  }
}

/** Everything that is wrong with a configuration: unreadable files, then every refused key. Never empty. */
export type Problems = ReadonlyArray<PicConfigError>

/** Reads and resolves the configuration; fails with all its problems at once. */
export const load = (options: ConfigOptions): Effect.Effect<Loaded, Problems> =>
  Effect.gen(function*() {
    const paths = options.files ?? (yield* existingFiles(options.directory ?? "."))
    const files = yield* Effect.forEach(paths, (path) => Effect.result(readFile(path)))
    const environment = yield* Effect.result(readEnvironment)
    const unreadable = [...files, environment].flatMap((read) => Result.isFailure(read) ? [read.failure] : [])
    const nothing = { given: [], refused: [] }
    const resolved = resolve({
      files: files.flatMap((read) => Result.isSuccess(read) ? [read.success] : []),
      environment: Result.getOrElse(environment, () => nothing),
      code: collect(options.settings, "code"),
      locked: options.locked ?? []
    })
    if (Result.isSuccess(resolved) && unreadable.length === 0) return resolved.success
    const reasons = [...unreadable, ...(Result.isFailure(resolved) ? resolved.failure.map(toReason) : [])]
    return yield* Effect.fail(reasons.map((reason) => new PicConfigError({ reason })))
  })

/** The running change in the sections of the settings; keys that no change has are kept, so that they are refused. */
const toInput = (change: RuntimeChange): SettingsInput => {
  const { rollout, ...cellagent } = change
  return { cellagent, ...(rollout === undefined ? {} : { rollout }) }
}

const changeable: ReadonlySet<string> = new Set<SettingKey>([
  "cellagent.fail_mode",
  "cellagent.sampling_rate",
  "cellagent.global_rate_limit",
  "cellagent.per_function_limit",
  "rollout.mode",
  "rollout.percent"
])

const make = Effect.fnUntraced(function*(loaded: Loaded) {
  let settings = loaded.settings
  const origins = new Map(loaded.origins)
  const hub = yield* Effect.acquireRelease(
    PubSub.sliding<typeof settings>(changesBuffered),
    (pubsub) => PubSub.shutdown(pubsub)
  )
  const change = (wanted: RuntimeChange, origin: (key: string) => string = () => "runtime") =>
    Effect.suspend(() => {
      const applied = applyChange(settings, toInput(wanted), loaded.locked, "running change")
      if (Result.isFailure(applied)) return Effect.fail(new PicConfigError({ reason: toReason(applied.failure) }))
      const fixed = applied.success.keys.find((key) => !changeable.has(key))
      if (fixed !== undefined) {
        const detail = "cannot change while running"
        return Effect.fail(
          new PicConfigError({ reason: new LockedSetting({ source: "running change", key: fixed, detail }) })
        )
      }
      settings = applied.success.settings
      for (const key of applied.success.keys) origins.set(key, origin(key))
      return Effect.as(PubSub.publish(hub, settings), settings)
    })
  return PicConfig.of({
    settingsUnsafe: () => settings,
    settings: Effect.sync(() => settings),
    origins: Effect.sync(() => new Map(origins)),
    change,
    changes: Stream.fromPubSub(hub)
  })
})

const firstProblem = (problems: Problems): PicConfigError => problems[0]!

/** Layer that reads files, environment and code, once; refuses the whole configuration where any of it is wrong. */
export const layer = (options: ConfigOptions = {}): Layer.Layer<PicConfig, PicConfigError> =>
  Layer.effect(PicConfig, Effect.flatMap(Effect.mapError(load(options), firstProblem), make))

/** Layer of settings that code gives, over the defaults: neither files nor environment are read. */
export const layerSettings = (
  settings: SettingsInput = {},
  locked: ReadonlyArray<SettingKey> = []
): Layer.Layer<PicConfig, PicConfigError> =>
  Layer.effect(
    PicConfig,
    Effect.suspend(() => {
      const nothing = { given: [], refused: [] }
      const resolved = resolve({ files: [], environment: nothing, code: collect(settings, "code"), locked })
      return Result.isFailure(resolved)
        ? Effect.fail(firstProblem(resolved.failure.map((one) => new PicConfigError({ reason: toReason(one) }))))
        : make(resolved.success)
    })
  )
