import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Monitor from "../src/runtime/Monitor.ts"
import * as System from "./system.ts"

const events = 1_000_000

const rssMb = (): number => {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  return process.memoryUsage().rss / 1024 / 1024
}

/** The loop of a run; `names` 0 is the bare run. Ends with the resident memory after a collection. */
const child = async (names: number): Promise<void> => {
  const loop = (calls: ReadonlyArray<typeof System.wrapped>) =>
    Effect.gen(function*() {
      for (let i = 0; i < events; i++) {
        yield* Effect.ignore(calls[i % calls.length]!(...System.transferArguments(i)))
        if (i % 1_000 === 0) yield* System.breathe
      }
      return rssMb()
    })
  const wrapped = Array.from({ length: names }, (_, i) => Monitor.wrap(`fn.${i}`, System.bare))
  const mb = names === 0
    ? await Effect.runPromise(loop([System.bare]) as Effect.Effect<number>)
    : await System.withSystem(loop(wrapped))
  process.stdout.write(JSON.stringify(mb))
}

const measure = (names: number): number =>
  JSON.parse(execFileSync(process.execPath, ["--expose-gc", import.meta.filename, String(names)], { encoding: "utf8" }))

/** Resident memory that agent and brain add over a million events, for 100 and for 10,000 function names, in MB. */
export const run = async () => {
  const bare = measure(0)
  return { names100: measure(100) - bare, names10000: measure(10_000) - bare }
}

if (import.meta.main) await child(Number(process.argv[2]))
