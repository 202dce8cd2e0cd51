import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Monitor from "../src/runtime/Monitor.ts"
import * as System from "./system.ts"

const events = 1_000_000
const compiled = "dist-bench"

/** Resident memory in MB. */
interface Resident {
  /** After full collections that give V8's empty pages back to the system, as V8 does under memory pressure. */
  readonly held: number
  /** The same with the empty pages: what V8 keeps of them is chance, 10 to 200 MB in the bare run alone. */
  readonly withFreePages: number
}

const rssMb = (): number => process.memoryUsage().rss / 1024 / 1024

const resident = (): Resident => {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const withFreePages = rssMb()
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" })
  return { held: rssMb(), withFreePages }
}

/** The loop of a run; `names` 0 is the bare run: the same program and the same calls, of the functions themselves. */
const child = async (names: number): Promise<void> => {
  const loop = (calls: ReadonlyArray<typeof System.wrapped>) =>
    Effect.gen(function*() {
      for (let i = 0; i < events; i++) {
        yield* Effect.ignore(calls[i % calls.length]!(...System.transferArguments(i)))
        if (i % 1_000 === 0) yield* System.breathe
      }
      return resident()
    })
  const wrapped = Array.from({ length: names }, (_, i) => Monitor.wrap(`fn.${i}`, System.bare))
  const result = names === 0
    ? await Effect.runPromise(loop([System.bare]) as Effect.Effect<Resident>)
    : await System.withSystem(loop(wrapped))
  process.stdout.write(JSON.stringify(result))
}

/**
 * Resident memory that agent and brain add over a million events, for 100 and for 10,000 function names, in MB.
 *
 * It is that of JavaScript, as the package is installed: where Node strips types itself, the compiler in it and its copy in
 * the storage thread take 30 MB each, which no application has.
 */
export const run = async () => {
  const root = Path.resolve(import.meta.dirname, "..")
  const program = Path.join(root, compiled, "bench/memory.js")
  const measure = (names: number): Resident =>
    JSON.parse(execFileSync(process.execPath, ["--expose-gc", program, String(names)], { encoding: "utf8" }))
  try {
    const tsc = Path.join(root, "node_modules/typescript/bin/tsc")
    execFileSync(process.execPath, [tsc, "-p", Path.join(root, "tsconfig.bench.json")])
    const bare = measure(0)
    const few = measure(100)
    const many = measure(10_000)
    const added = (key: keyof Resident) => ({ names100: few[key] - bare[key], names10000: many[key] - bare[key] })
    return { memoryMb: added("held"), memoryWithFreePagesMb: added("withFreePages") }
  } finally {
    Fs.rmSync(Path.join(root, compiled), { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const names = process.argv[2]
  if (names === undefined) process.stdout.write(`${JSON.stringify(await run())}\n`)
  else await child(Number(names))
}
