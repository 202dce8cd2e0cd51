import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const runs = 7

/** What a fresh process does: import, compose, judge one call, and say how long that took since the process began. */
const program = (root: string, directory: string): string => `
  import * as Effect from ${JSON.stringify(import.meta.resolve("effect/Effect"))}
  import { Monitor, Pic } from ${JSON.stringify(root)}
  const f = Monitor.wrap("f", (n) => Effect.succeed(n))
  const layer = Pic.layerWith({
    files: [],
    settings: { storage: { directory: ${JSON.stringify(directory)} }, rollout: { mode: "enforce" } }
  })
  const first = Effect.map(f(1), () => performance.now())
  process.stdout.write(String(await Effect.runPromise(Effect.provide(first, layer))).replace(/^/, "ms:"))
`

/** Milliseconds from the start of a process to its first verdict, the median of several; on built code where there is any. */
export const run = (): number => {
  const built = Path.resolve(import.meta.dirname, "../dist/index.js")
  const root = Fs.existsSync(built) ? built : Path.resolve(import.meta.dirname, "../src/index.ts")
  const times = Array.from({ length: runs }, () => {
    const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-bench-"))
    try {
      const code = program(root, Path.join(directory, "state"))
      const out = execFileSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" })
      return Number(/ms:([\d.]+)/.exec(out)?.[1])
    } finally {
      Fs.rmSync(directory, { recursive: true, force: true })
    }
  })
  return times.sort((a, b) => a - b)[Math.floor(runs / 2)]!
}
