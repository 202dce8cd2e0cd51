/** Finds the module specifiers of a TypeScript file, with their lines, by scanning its text. */

/** One import or re-export: where it stands and what it names. */
export interface ImportSite {
  readonly line: number
  readonly specifier: string
  /** `import type` / `export type`: erased, so it costs nothing at run time. */
  readonly typeOnly: boolean
}

const statement =
  /^[ \t]*(?:import\s*["']([^"'\n]+)["']|(?:import|export)\b([\w$\s{},*]*?)\bfrom\s*["']([^"'\n]+)["'])/gm
const dynamic = /\bimport\s*\(\s*["']([^"'\n]+)["']\s*\)/g

const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length

/** Comments become spaces of the same length, so that a commented import does not count and lines stay right. */
const withoutComments = (text: string): string =>
  text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (match, literal: string | undefined) => literal === undefined ? match.replace(/[^\n]/g, " ") : match
  )

/** Every static import, re-export and dynamic `import("…")` of the text. */
export const importSites = (text: string): ReadonlyArray<ImportSite> => {
  const code = withoutComments(text)
  const found: Array<ImportSite> = []
  for (const match of code.matchAll(statement)) {
    const [, sideEffect, clause = "", named = ""] = match
    found.push({
      line: lineAt(code, match.index),
      specifier: sideEffect ?? named,
      typeOnly: /^\s*type\b/.test(clause)
    })
  }
  for (const match of code.matchAll(dynamic)) {
    found.push({ line: lineAt(code, match.index), specifier: match[1] ?? "", typeOnly: false })
  }
  return found.toSorted((a, b) => a.line - b.line)
}
