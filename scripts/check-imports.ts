/** Checks the import rules of `src` and prints every edge that breaks one; exits 1 if there is any. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { violationsOf } from "./imports/rules.ts"

const root = Path.resolve(process.argv[2] ?? Path.join(import.meta.dirname, ".."))
const files = Fs.globSync("src/**/*.ts", { cwd: root }).map((file) => file.replaceAll("\\", "/")).toSorted()
const sources = new Map(files.map((file) => [file, Fs.readFileSync(Path.join(root, file), "utf8")]))
const violations = violationsOf(sources)

for (const { file, imports, line, rule } of violations) {
  process.stdout.write(`${file}:${line} imports ${imports}\n    ${rule}\n`)
}
process.stdout.write(`${files.length} files, ${violations.length} forbidden imports\n`)
if (files.length === 0 || violations.length > 0) process.exitCode = 1
