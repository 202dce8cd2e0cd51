/** The import rules of `src`: runtime -> layers -> services -> domain, no cycles, no platform in the inner folders. */
import * as Path from "node:path/posix"
import { type ImportSite, importSites } from "./specifiers.ts"

/** An import that the rules forbid: the edge and the rule. */
export interface Violation {
  readonly file: string
  readonly line: number
  readonly imports: string
  readonly rule: string
}

/** Files by their path relative to the root of the repository, such as `src/domain/Decision.ts`. */
export type Sources = ReadonlyMap<string, string>

const ranks: Readonly<Record<string, number>> = { domain: 0, services: 1, layers: 2, runtime: 3 }
const doorRank = 4

const folderOf = (file: string): string => file.split("/")[1] ?? ""
const rankOf = (file: string): number => ranks[folderOf(file)] ?? doorRank

/** Modules of Effect at the top level that may break in a minor release; every lower-case folder may too. */
const unstableModules = new Set([
  "Arbitrary",
  "ByteSize",
  "Bytes",
  "ErrorReporter",
  "FileSystem",
  "Glob",
  "HashRing",
  "LayerMap",
  "LayerRef",
  "PartitionedSemaphore",
  "Path",
  "PlatformError",
  "SemVer",
  "SemVerRange",
  "Stdio",
  "Terminal",
  "TextDiff",
  "TxChunk"
])

const isUnstableEffect = (specifier: string): boolean => {
  const module = specifier.slice("effect/".length)
  return /^[a-z]/.test(module) || unstableModules.has(module)
}

const platformRule = (file: string, site: ImportSite): string | undefined => {
  const folder = folderOf(file)
  const inner = folder === "domain" || folder === "services"
  const { specifier } = site
  if (specifier === "effect") return "src imports Effect module by module, not its barrel (start-up time)"
  if (specifier === "@effect/platform-node") return "src imports @effect/platform-node module by module, not its barrel"
  if (!inner) return undefined
  if (specifier.startsWith("node:")) return `${folder} must not import node built-ins`
  if (specifier.startsWith("effect/")) {
    if (isUnstableEffect(specifier)) return `${folder} must not import unstable Effect modules`
    if (folder === "services" && specifier === "effect/Layer") {
      return "services declare interfaces, layers implement them"
    }
    return undefined
  }
  return specifier.startsWith(".") ? undefined : `${folder} must not import packages other than effect`
}

const directionRule = (from: string, to: string): string | undefined => {
  if (rankOf(to) <= rankOf(from)) return undefined
  return `imports point one way (runtime -> layers -> services -> domain): ${folderOf(from)} must not import ${
    rankOf(to) === doorRank ? "a package entry" : folderOf(to)
  }`
}

/** Every cycle's closing edge, found by depth-first search over the imports that exist at run time. */
const cycles = (graph: ReadonlyMap<string, ReadonlyArray<{ readonly to: string; readonly line: number }>>) => {
  const violations: Array<Violation> = []
  const done = new Set<string>()
  const path: Array<string> = []
  const visit = (file: string): void => {
    path.push(file)
    for (const { line, to } of graph.get(file) ?? []) {
      const start = path.indexOf(to)
      if (start >= 0) {
        const loop = [...path.slice(start), to].join(" -> ")
        violations.push({ file, line, imports: to, rule: `no cycles: ${loop}` })
      } else if (!done.has(to)) visit(to)
    }
    path.pop()
    done.add(file)
  }
  for (const file of [...graph.keys()].toSorted()) if (!done.has(file)) visit(file)
  return violations
}

/** Checks all files; an empty result means that every import follows the rules. */
export const violationsOf = (sources: Sources): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const graph = new Map<string, Array<{ readonly to: string; readonly line: number }>>()
  for (const [file, text] of sources) {
    const edges: Array<{ readonly to: string; readonly line: number }> = []
    graph.set(file, edges)
    for (const site of importSites(text)) {
      const platform = platformRule(file, site)
      if (platform !== undefined) violations.push({ file, line: site.line, imports: site.specifier, rule: platform })
      if (!site.specifier.startsWith(".")) continue
      const to = Path.join(Path.dirname(file), site.specifier)
      if (!sources.has(to)) {
        violations.push({ file, line: site.line, imports: site.specifier, rule: "the imported file does not exist" })
        continue
      }
      const direction = directionRule(file, to)
      if (direction !== undefined) violations.push({ file, line: site.line, imports: to, rule: direction })
      if (!site.typeOnly) edges.push({ to, line: site.line })
    }
  }
  return [...violations, ...cycles(graph)]
}
