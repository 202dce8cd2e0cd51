/** Finds `ts` fences in Markdown and in doc comments, and turns one into the text of a Vitest file. */

/** One fence: where it opens and its code, without the margin of the comment around it. */
export interface Fence {
  readonly file: string
  readonly line: number
  readonly code: string
  readonly fragment: boolean
}

const ticks = "`".repeat(3)
const opening = new RegExp(`^([ \\t]*(?:\\* ?)?)${ticks}ts( fragment)?[ \\t]*$`)
const commentMargin = /^[ \t]*\* ?/

/** The fences of a file; a fence that never closes is an error, since the rest of the page would be lost with it. */
export const fencesOf = (file: string, text: string): ReadonlyArray<Fence> => {
  const inComment = file.endsWith(".ts")
  const lines = text.split("\n")
  const fences: Array<Fence> = []
  for (let at = 0; at < lines.length; at++) {
    const open = opening.exec(lines[at] ?? "")
    if (open === null || (inComment && !(open[1] ?? "").includes("*"))) continue
    const line = at + 1
    const code: Array<string> = []
    const strip = (raw: string) => inComment ? raw.replace(commentMargin, "") : raw
    for (at++; at < lines.length && strip(lines[at] ?? "").trim() !== ticks; at++) code.push(strip(lines[at] ?? ""))
    if (at === lines.length) throw new Error(`${file}:${line}: the code fence is never closed`)
    fences.push({ file, line, code: code.join("\n"), fragment: open[2] !== undefined })
  }
  return fences
}

const importStatement = /^import\b[^"'`]*["'][^"'\n]+["'];?[ \t]*$/gm
const assertion = /^(\s*)(?:const (\w+) = )?(.+?);?\s*\/\/ => (.+)$/

const assertLine = (line: string): string => {
  const match = assertion.exec(line)
  if (match === null) return line
  const [, indent = "", name, expression = "", expected = ""] = match
  return name === undefined
    ? `${indent}$equals(${expression}, ${expected})`
    : `${indent}const ${name} = ${expression}\n${indent}$equals(${name}, ${expected})`
}

/** The Vitest file of a fence: imports on top, the rest inside one test, `// =>` lines as assertions. */
export const testOf = (fence: Fence): string => {
  const imports = fence.code.match(importStatement) ?? []
  const body = fence.code.replace(importStatement, "").split("\n").map(assertLine)
  return [
    `import { deepStrictEqual as $equals } from "node:assert/strict"`,
    `import { test as $test } from "vitest"`,
    ...imports,
    `$test(${JSON.stringify(`${fence.file}:${fence.line}`)}, async () => {`,
    ...body,
    `})`,
    `void $equals`,
    ""
  ].join("\n")
}
