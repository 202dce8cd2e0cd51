import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Settings } from "../../domain/settings/Settings.ts"
import * as PicClock from "../../layers/agent/PicClock.ts"
import * as PicConfig from "../../layers/config/PicConfig.ts"
import { BadInput } from "./Failure.ts"

/** Files and storage directory that every command accepts. */
export const configFlags = {
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("Configuration file, may be repeated; by default those in the working directory"),
    Flag.atLeast(0)
  ),
  storage: Flag.String("storage").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Storage directory, instead of the configured one"),
    Flag.optional
  )
}

/** `--json` of every command. */
export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object on stdout and nothing else"),
  Flag.withDefault(false)
)

/** Values of `configFlags`. */
export interface ConfigFlags {
  readonly config: ReadonlyArray<string>
  readonly storage: Option.Option<string>
}

/** How the configuration is found, by these flags. */
export const configOptions = ({ config, storage }: ConfigFlags): PicConfig.ConfigOptions => ({
  ...(config.length > 0 ? { files: config } : {}),
  ...(Option.isSome(storage) ? { settings: { storage: { directory: storage.value } } } : {})
})

/** Loads the configuration; all its problems become one message, a line each. */
export const loadConfig = (flags: ConfigFlags): Effect.Effect<PicConfig.Loaded, BadInput> =>
  PicConfig.load(configOptions(flags)).pipe(
    Effect.mapError((problems) => new BadInput({ message: problems.map((problem) => problem.message).join("\n") }))
  )

/** Layer with configuration and time, for a command; call `loadConfig` first for all problems at once. */
export const foundation = (flags: ConfigFlags) => Layer.mergeAll(PicConfig.layer(configOptions(flags)), PicClock.layer)

/** Where the keyset lies; `undefined` where nothing is stored. */
export const keysetPath = ({ crypto, storage }: Settings): string | undefined => {
  if (crypto.keyset_path !== "") return crypto.keyset_path
  return storage.directory === "memory" ? undefined : Path.join(storage.directory, "keyset.json")
}

/** Whether something exists at a path, readable or not. */
export const exists = (path: string): boolean => {
  try {
    return Fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** Seconds of a span such as `90s`, `30m`, `1h` or `1d`; `undefined` for anything else. */
export const parseSpan = (text: string): number | undefined => {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)\s*([smhd])$/.exec(text.trim())
  return match === null ? undefined : Number(match[1]) * units[match[2]!]!
}

/** A moment: a date and time of ISO 8601, epoch milliseconds, or a span before now such as `2h`. */
export const parseMoment = (text: string, now: number): number | undefined => {
  const span = parseSpan(text)
  if (span !== undefined) return now - span * 1000
  if (/^\d{12,14}$/.test(text)) return Number(text)
  const parsed = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  return Number.isNaN(parsed) ? undefined : parsed
}
