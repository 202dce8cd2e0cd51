import * as Result from "effect/Result"
import { nearest } from "./Nearest.ts"
import { looksSecret, quoteValue } from "../Printable.ts"
import { defaults, type Settings, type SettingsInput } from "./Settings.ts"
import { decodeText, nearestKey, sections, type Setting, type SettingKey, settings as known } from "./SettingKeys.ts"
import { weakens } from "./Weakening.ts"

/** Why a setting was refused; `source` says where it was given. */
export type Refusal =
  | {
    readonly _tag: "InvalidSetting"
    readonly source: string
    readonly key: string
    readonly got: string
    readonly expected: string
  }
  | { readonly _tag: "UnknownSetting"; readonly source: string; readonly key: string; readonly nearest: string }
  | { readonly _tag: "LockedSetting"; readonly source: string; readonly key: string; readonly detail: string }

/** One value as given: `text` where it came as text and may stand for a number or a boolean. */
export interface Given {
  readonly setting: Setting
  readonly value: unknown
  readonly source: string
  readonly text: boolean
}

/** What a source gave, and what of it was refused. */
export interface Collected {
  readonly given: ReadonlyArray<Given>
  readonly refused: ReadonlyArray<Refusal>
}

/** The effective settings and where each came from, by dotted key. */
export interface Resolved {
  readonly settings: Settings
  readonly origins: ReadonlyMap<string, string>
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const showKey = (key: string): string => looksSecret(key) ? quoteValue(key) : quoteValue(key).slice(1, -1)

/** Collects the settings of sections, from a parsed file or from code. Empty sections are allowed: all lines commented out. */
export const collect = (root: unknown, source: string): Collected => {
  const given: Array<Given> = []
  const refused: Array<Refusal> = []
  if (root === null || root === undefined) return { given, refused }
  if (!isMapping(root)) {
    const expected = `a mapping with the sections ${sections.join(", ")}`
    return { given, refused: [{ _tag: "InvalidSetting", source, key: "the file", got: quoteValue(root), expected }] }
  }
  for (const [section, content] of Object.entries(root)) {
    if (section === "locked") {
      refused.push({ _tag: "LockedSetting", source, key: "locked", detail: "can only be given by code" })
    } else if (!sections.includes(section)) {
      refused.push({ _tag: "UnknownSetting", source, key: showKey(section), nearest: nearestKey(section) })
    } else if (isMapping(content)) {
      collectSection(section, content, source, given, refused)
    } else if (content !== null && content !== undefined) {
      refused.push({
        _tag: "InvalidSetting",
        source,
        key: section,
        got: quoteValue(content),
        expected: "a mapping of its keys"
      })
    }
  }
  return { given, refused }
}

const collectSection = (
  section: string,
  content: Readonly<Record<string, unknown>>,
  source: string,
  given: Array<Given>,
  refused: Array<Refusal>
): void => {
  for (const [name, value] of Object.entries(content)) {
    const setting = known.get(`${section}.${name}`)
    if (setting === undefined) {
      const names = [...known.values()].filter((one) => one.section === section).map((one) => one.name)
      refused.push({
        _tag: "UnknownSetting",
        source,
        key: `${section}.${showKey(name)}`,
        nearest: `${section}.${nearest(name, names)}`
      })
    } else if (value !== undefined) {
      given.push({ setting, value, source, text: false })
    }
  }
}

const invalid = (given: Given): Refusal => ({
  _tag: "InvalidSetting",
  source: given.source,
  key: given.setting.key,
  got: looksSecret(given.setting.name) ? "a hidden value" : quoteValue(given.value),
  expected: given.setting.expected
})

const decodeGiven = (given: Given): Result.Result<unknown, Refusal> => {
  const decoded = given.text ? decodeText(given.setting, String(given.value)) : given.setting.decode(given.value)
  return Result.mapError(decoded, () => invalid(given))
}

/** The value of a dotted key. */
export const valueOf = (settings: Settings, key: string): unknown => {
  const setting = known.get(key)
  if (setting === undefined) return undefined
  return (settings[setting.section] as Readonly<Record<string, unknown>>)[setting.name]
}

/** A copy of settings with some values replaced; the values must have been decoded. */
export const withValues = (settings: Settings, values: ReadonlyMap<SettingKey, unknown>): Settings => {
  const next: Record<string, Record<string, unknown>> = {}
  for (const section of sections) next[section] = { ...settings[section as keyof Settings] }
  for (const [key, value] of values) {
    const { name, section } = known.get(key)!
    next[section]![name] = value
  }
  return next as unknown as Settings
}

/** The value below which each locked key must not fall: what code gave, else the default. */
export const lockedValues = (
  locked: ReadonlyArray<string>,
  code: ReadonlyArray<Given>
): { readonly values: ReadonlyMap<SettingKey, unknown>; readonly refused: ReadonlyArray<Refusal> } => {
  const values = new Map<SettingKey, unknown>()
  const refused: Array<Refusal> = []
  for (const key of locked) {
    const setting = known.get(key)
    if (setting === undefined) {
      refused.push({ _tag: "UnknownSetting", source: "code, locked", key: showKey(key), nearest: nearestKey(key) })
    } else {
      const own = code.find((given) => given.setting.key === key)
      values.set(setting.key, own === undefined ? valueOf(defaults, key) : own.value)
    }
  }
  return { values, refused }
}

/** Why a value may not replace a locked one, or `undefined` where it may. */
export const lockRefusal = (
  locked: ReadonlyMap<SettingKey, unknown>,
  given: Given,
  value: unknown
): Refusal | undefined => {
  const floor = locked.get(given.setting.key)
  if (floor === undefined || !weakens(given.setting.key, floor, value)) return undefined
  const detail = `is locked by code at ${quoteValue(floor)}; ${quoteValue(value)} would weaken it`
  return { _tag: "LockedSetting", source: given.source, key: given.setting.key, detail }
}

const contradictions = ({ origins, settings }: Resolved): ReadonlyArray<Refusal> => {
  const { max_worker_threads: most, worker_threads: least } = settings.brain
  if (most >= least) return []
  const key = origins.get("brain.max_worker_threads") === "default"
    ? "brain.worker_threads"
    : "brain.max_worker_threads"
  const expected = key === "brain.worker_threads"
    ? `at most brain.max_worker_threads (${most})`
    : `at least brain.worker_threads (${least})`
  return [{ _tag: "InvalidSetting", source: origins.get(key)!, key, got: String(valueOf(settings, key)), expected }]
}

/**
 * Lays the sources over the defaults: files, then environment, then code. Answers every refusal, or the settings;
 * never half of them.
 */
export const resolve = (sources: {
  readonly files: ReadonlyArray<Collected>
  readonly environment: Collected
  readonly code: Collected
  readonly locked: ReadonlyArray<string>
}): Result.Result<Resolved & { readonly locked: ReadonlyMap<SettingKey, unknown> }, ReadonlyArray<Refusal>> => {
  const locked = lockedValues(sources.locked, sources.code.given)
  const refused: Array<Refusal> = [...sources.files, sources.environment, sources.code].flatMap((one) => one.refused)
  refused.push(...locked.refused, ...twiceGiven(sources.files))
  const values = new Map<SettingKey, unknown>()
  const origins = new Map<string, string>([...known.keys()].map((key) => [key, "default"]))
  for (const source of [...sources.files, sources.environment, sources.code]) {
    for (const given of source.given) {
      const decoded = decodeGiven(given)
      const refusal = Result.isFailure(decoded)
        ? decoded.failure
        : source === sources.code
        ? undefined
        : lockRefusal(locked.values, given, decoded.success)
      if (refusal !== undefined) refused.push(refusal)
      else if (Result.isSuccess(decoded)) {
        values.set(given.setting.key, decoded.success)
        origins.set(given.setting.key, given.source)
      }
    }
  }
  if (refused.length > 0) return Result.fail(refused)
  const resolved = { settings: withValues(defaults, values), origins, locked: locked.values }
  const wrong = contradictions(resolved)
  return wrong.length > 0 ? Result.fail(wrong) : Result.succeed(resolved)
}

/** A key in two files is refused: which of them wins would depend on their order, which nobody sees. */
const twiceGiven = (files: ReadonlyArray<Collected>): ReadonlyArray<Refusal> => {
  const seen = new Map<string, string>()
  const refused: Array<Refusal> = []
  for (const { setting, source, value } of files.flatMap((file) => file.given)) {
    const before = seen.get(setting.key)
    if (before !== undefined && before !== source) {
      const expected = `it in one file only; ${before} has it too`
      refused.push({ _tag: "InvalidSetting", source, key: setting.key, got: quoteValue(value), expected })
    }
    seen.set(setting.key, source)
  }
  return refused
}

/** Validates a running change against the settings in force; answers the new ones, or the first refusal. */
export const applyChange = (
  settings: Settings,
  change: SettingsInput,
  locked: ReadonlyMap<SettingKey, unknown>,
  source: string
): Result.Result<{ readonly settings: Settings; readonly keys: ReadonlyArray<SettingKey> }, Refusal> => {
  const { given, refused } = collect(change, source)
  if (refused[0] !== undefined) return Result.fail(refused[0])
  const values = new Map<SettingKey, unknown>()
  for (const one of given) {
    const decoded = decodeGiven(one)
    if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
    const refusal = lockRefusal(locked, one, decoded.success)
    if (refusal !== undefined) return Result.fail(refusal)
    values.set(one.setting.key, decoded.success)
  }
  return Result.succeed({ settings: withValues(settings, values), keys: [...values.keys()] })
}
