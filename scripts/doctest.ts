/**
 * Turns every `ts` fence of the documentation (Markdown and doc comments in `src`) into a test under `test/generated`.
 *
 * A line that ends in `// => value` asserts that its expression equals the value. A fence marked `ts fragment` shows a
 * piece that does not stand alone and is left out; the count of those is printed, so that they cannot pile up unseen.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Fence, fencesOf, testOf } from "./doctest/fences.ts"

const root = Path.resolve(import.meta.dirname, "..")
const out = Path.join(root, "test/generated")
const sources = ["README.md", "CONTRIBUTING.md", "docs/**/*.md", "src/**/*.ts"]

const fences = Fs.globSync(sources, { cwd: root }).toSorted().flatMap((file): ReadonlyArray<Fence> =>
  fencesOf(file.replaceAll("\\", "/"), Fs.readFileSync(Path.join(root, file), "utf8"))
)
const runnable = fences.filter((fence) => !fence.fragment)

Fs.rmSync(out, { recursive: true, force: true })
Fs.mkdirSync(out, { recursive: true })
for (const fence of runnable) {
  const name = `${fence.file.replaceAll(/[^\w]+/g, "_")}_${fence.line}.test.ts`
  Fs.writeFileSync(Path.join(out, name), testOf(fence))
}
process.stdout.write(`${runnable.length} documentation examples, ${fences.length - runnable.length} fragments\n`)
