import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { escapeLine } from "../../domain/Printable.ts"
import type { SettingChange } from "../../domain/replay/Counterfactual.ts"
import type { Settings, SettingsInput } from "../../domain/settings/Settings.ts"
import type { SettingKey } from "../../domain/settings/SettingKeys.ts"
import { collect, resolve, valueOf } from "../../domain/settings/SettingsDecode.ts"
import { readFile } from "../../layers/config/ConfigFiles.ts"
import * as PicConfig from "../../layers/config/PicConfig.ts"

/** A candidate policy over the configuration in force. */
export interface Candidate {
  /** The candidate's values, over files and environment. */
  readonly config: PicConfig.ConfigOptions
  readonly settings: Settings
  readonly changes: ReadonlyArray<SettingChange>
}

/** Settings that decide about a verdict once everything is replayed in enforcement. */
const decisive: ReadonlySet<string> = new Set<SettingKey>([
  "brain.false_positive_rate",
  "brain.min_samples",
  "brain.functions_max"
])

const inputOf = (settings: Settings, keys: ReadonlyArray<SettingKey>): SettingsInput => {
  const sections: Record<string, Record<string, unknown>> = {}
  for (const key of keys) {
    const [section = "", name = ""] = key.split(".")
    sections[section] = { ...sections[section], [name]: valueOf(settings, key) }
  }
  return sections as SettingsInput
}

/** Reads a candidate: one file with the keys that would change. Fails with everything that is wrong, a line each. */
export const load = (
  policy: string,
  current: PicConfig.Loaded,
  config: PicConfig.ConfigOptions
): Effect.Effect<Candidate, string> =>
  Effect.gen(function*() {
    const collected = yield* Effect.mapError(readFile(policy), (error) => error.message)
    const keys = collected.given.map(({ setting }) => setting.key)
    const nothing = collect(undefined, "code")
    const alone = resolve({ files: [collected], environment: nothing, code: nothing, locked: [] })
    const given = Result.isSuccess(alone) ? inputOf(alone.success.settings, keys) : {}
    // Resolved over the configuration in force, so that contradictions with it are found too.
    const options = Result.isSuccess(alone) ? { ...config, settings: given } : { files: [policy] }
    const loaded = yield* Effect.mapError(
      PicConfig.load(options),
      (problems) => problems.map(({ message }) => message).join("\n")
    )
    const { settings } = loaded
    const changes = keys.flatMap((key): ReadonlyArray<SettingChange> => {
      const [from, to] = [valueOf(current.settings, key), valueOf(settings, key)]
      return from === to ? [] : [{ key, from, to }]
    })
    return { config: options, settings, changes }
  })

/** What the reader should know about a candidate before believing a comparison. */
export const notesOn = ({ changes, settings }: Candidate, policy: string): ReadonlyArray<string> => {
  const notes: Array<string> = []
  if (!changes.some(({ key }) => decisive.has(key))) {
    notes.push(
      `${escapeLine(policy)} changes nothing that decides about a verdict (${[...decisive].join(", ")})`
    )
  }
  const { mode, percent } = settings.rollout
  if (mode === "observe") notes.push("the candidate observes: it would record these blocks and let the calls run")
  else if (percent < 100) notes.push(`the candidate enforces for ${percent} % of the subjects; this shows all of them`)
  return notes
}
