/** Removes the generated folders named on the command line, so that no stale file survives a rename. */
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..")
const generated = new Set(["dist", "dist-test", "dist-bench", "coverage", "test/generated"])

for (const name of process.argv.slice(2)) {
  if (!generated.has(name)) throw new Error(`not a generated folder: ${name} (known: ${[...generated].join(", ")})`)
  Fs.rmSync(Path.join(root, name), { recursive: true, force: true })
}
