import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { nearest } from "./Nearest.ts"
import { Settings } from "./Settings.ts"

/** The dotted name of a setting, such as `cellagent.fail_mode`. */
export type SettingKey = {
  [S in keyof Settings & string]: `${S}.${keyof Settings[S] & string}`
}[keyof Settings & string]

/** One setting: its place, what it accepts in words, and its decoder. */
export interface Setting {
  readonly key: SettingKey
  readonly section: keyof Settings
  readonly name: string
  readonly expected: string
  readonly variable: string
  readonly decode: (value: unknown) => Result.Result<unknown, Schema.SchemaError>
}

/** Prefix of all environment variables that configure us. */
export const variablePrefix = "PIC"

const literalText = (ast: SchemaAST.AST): string | undefined =>
  SchemaAST.isLiteral(ast) ? String(ast.literal) : undefined

/** What a schema accepts, in words: its own text, else the list of its literals, else the name of its type. */
const expectedText = (ast: SchemaAST.AST): string => {
  const own = SchemaAST.resolveAt<string>("expected")(ast)
  if (own !== undefined) return own
  if (SchemaAST.isUnion(ast)) {
    const literals = ast.types.map(literalText)
    return literals.length > 1 ? `${literals.slice(0, -1).join(", ")} or ${literals.at(-1)}` : literals.join()
  }
  return SchemaAST.isBoolean(ast) ? "true or false" : "a text"
}

const table = new Map<string, Setting>()
for (const [section, struct] of Object.entries(Settings.fields)) {
  for (const [name, schema] of Object.entries(struct.fields)) {
    const key = `${section}.${name}` as SettingKey
    table.set(key, {
      key,
      section: section as keyof Settings,
      name,
      expected: expectedText(schema.ast),
      variable: `${variablePrefix}_${section.toUpperCase()}_${name.toUpperCase()}`,
      decode: Schema.decodeUnknownResult(schema as Schema.Codec<unknown>)
    })
  }
}

/** All settings, by dotted key, in the order of the schema. */
export const settings: ReadonlyMap<string, Setting> = table

/** The names of the sections. */
export const sections: ReadonlyArray<string> = Object.keys(Settings.fields)

const variables: ReadonlyMap<string, Setting> = new Map(
  [...table.values()].map((setting) => [setting.variable, setting])
)

/** The setting of an environment variable. */
export const settingOfVariable = (variable: string): Setting | undefined => variables.get(variable)

/** The environment variable nearest to a misspelt one. */
export const nearestVariable = (variable: string): string => nearest(variable, [...variables.keys()])

/** The dotted key nearest to a misspelt one; a name without a section is compared with the names alone. */
export const nearestKey = (key: string): string => {
  const keys = [...table.keys()]
  if (key.includes(".")) return nearest(key, keys)
  const section = nearest(key, sections)
  const name = nearest(key, [...table.values()].map((setting) => setting.name))
  const byName = [...table.values()].find((setting) => setting.name === name)!
  return nearest(key, [section, name]) === name && section !== key ? byName.key : section
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/**
 * Decodes a setting that arrived as text (an environment variable): as text first, then as a decimal number, then as
 * `true` or `false`.
 */
export const decodeText = (setting: Setting, text: string): Result.Result<unknown, Schema.SchemaError> => {
  const asText = setting.decode(text)
  if (Result.isSuccess(asText)) return asText
  const trimmed = text.trim()
  if (decimal.test(trimmed)) return setting.decode(Number(trimmed))
  if (/^(?:true|false)$/i.test(trimmed)) return setting.decode(trimmed.toLowerCase() === "true")
  return asText
}
