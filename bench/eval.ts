import * as Fs from "node:fs"
import * as Path from "node:path"
import { evaluateAdfa } from "./eval/adfa.ts"
import { evaluateArrivals } from "./eval/arrivals.ts"
import { evaluateHttpParams } from "./eval/httpparams.ts"
import { evaluateNab } from "./eval/nab.ts"
import { type EvalRow, notMeasured } from "./eval/report.ts"

/**
 * Prints the detector's measures on real data beside their bars: `node bench/eval.ts [data folder]`.
 */
const folder = process.argv[2] ?? "../shared/data"
const sets: ReadonlyArray<readonly [string, (folder: string) => ReadonlyArray<EvalRow>]> = [
  ["httpparams", evaluateHttpParams],
  ["adfa-ld", evaluateAdfa],
  ["nab", evaluateNab],
  ["arrivals", evaluateArrivals]
]

const rows: Array<EvalRow> = []
for (const [name, evaluate] of sets) {
  const path = Path.join(folder, name)
  rows.push(...Fs.existsSync(path) ? evaluate(path) : [notMeasured(name, `no folder ${path}`)])
}

process.stdout.write(
  `${"data".padEnd(26)} ${"measure".padEnd(34)} ${"measured".padStart(10)} ${"bar".padStart(12)}  met\n`
)
for (const row of rows) {
  process.stdout.write(
    `${row.data.padEnd(26)} ${row.measure.padEnd(34)} ${row.measured.padStart(10)} ${
      row.bar.padStart(12)
    }  ${row.met}\n`
  )
}
