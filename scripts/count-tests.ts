/**
 * Sums the test reports of a run and prints `N passed, N failed`: `count-tests.ts <reports> [failed step]...`
 *
 * A failed step that left no failed test behind (a compiler, a linter, a crashed runner) counts as one failure, so the
 * line never says 0 failed for a run that failed. Exits 1 then.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Counts, tapCounts, vitestCounts } from "./ci/counts.ts"

const [reports = "", ...failedSteps] = process.argv.slice(2)
const total = { passed: 0, failed: 0 }

const add = ({ failed, passed }: Counts): void => {
  total.passed += passed
  total.failed += failed
}
for (const file of Fs.readdirSync(reports).toSorted()) {
  const text = Fs.readFileSync(Path.join(reports, file), "utf8")
  const counts = file.endsWith(".json") ? vitestCounts(text) : tapCounts(text)
  process.stdout.write(`${Path.parse(file).name}: ${counts.passed} passed, ${counts.failed} failed\n`)
  add(counts)
}
if (failedSteps.length > total.failed) total.failed = failedSteps.length
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`)
if (total.failed > 0 || total.passed === 0) process.exitCode = 1
