import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { editDistance } from "../../domain/settings/Nearest.ts"
import { escapeLine, excerpt } from "../../domain/Printable.ts"
import { nearestVariable, sections, settingOfVariable, variablePrefix } from "../../domain/settings/SettingKeys.ts"
import type { Collected, Given, Refusal } from "../../domain/settings/SettingsDecode.ts"
import { UnreadableFile } from "../../services/PicConfig.ts"

/** Most parts of a variable name that are followed: the longest of ours has six. */
const depthMax = 12
/** Most variables with our prefix: ten times the number of settings. */
const variablesMax = 512

interface Variable {
  readonly name: string
  readonly value: string | undefined
}

const walk = (
  provider: ConfigProvider.ConfigProvider,
  path: ReadonlyArray<string>,
  found: Array<Variable>
): Effect.Effect<void, ConfigProvider.SourceError> =>
  Effect.gen(function*() {
    if (path.length > depthMax || found.length >= variablesMax) return
    const node = yield* provider.load(path)
    const name = path.join("_")
    if (node === undefined) {
      found.push({ name, value: undefined })
      return
    }
    if (node.value !== undefined) found.push({ name, value: node.value })
    if (node._tag === "Array") found.push({ name: `${name}_0`, value: undefined })
    if (node._tag === "Record") {
      for (const key of node.keys) yield* walk(provider, [...path, key], found)
    }
  })

/** The section that a variable addresses, also where its name is misspelt by one letter. */
const addressesSection = (variable: string): boolean => {
  const first = variable.split("_")[1] ?? ""
  return sections.some((section) => editDistance(first, section.toUpperCase()) <= 1)
}

/**
 * The `PIC_<SECTION>_<KEY>` variables, read through the ConfigProvider in force. A variable of one of our sections that
 * no setting has is refused; others (of another tool with the same prefix) are ignored, and so are empty values.
 */
export const readEnvironment: Effect.Effect<Collected, UnreadableFile> = Effect.gen(function*() {
  const provider = yield* ConfigProvider.ConfigProvider
  const found: Array<Variable> = []
  const root = yield* provider.load([variablePrefix])
  if (root !== undefined) yield* walk(provider, [variablePrefix], found)
  const given: Array<Given> = []
  const refused: Array<Refusal> = []
  for (const { name, value } of found) {
    const setting = settingOfVariable(name)
    const source = `environment ${excerpt(escapeLine(name))}`
    if (setting !== undefined) {
      if (value !== undefined) given.push({ setting, value, source, text: true })
    } else if (addressesSection(name)) {
      refused.push({
        _tag: "UnknownSetting",
        source: "environment",
        key: excerpt(escapeLine(name)),
        nearest: nearestVariable(name)
      })
    }
  }
  return { given, refused }
}).pipe(
  Effect.mapError(() => new UnreadableFile({ source: "environment", detail: "the configuration provider failed" }))
)
