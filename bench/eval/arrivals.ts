import * as Path from "node:path"
import { Arena } from "../../src/domain/detect/Arena.ts"
import { RateModel } from "../../src/domain/detect/RateModel.ts"
import { SubjectRates } from "../../src/domain/detect/SubjectRates.ts"
import { atMost, binomialQuantile, type EvalRow, readLines } from "./report.ts"

/** False alarms of the rate model alone on real, bursty arrivals. */
export const evaluateArrivals = (folder: string): ReadonlyArray<EvalRow> => {
  const times = readLines(Path.join(folder, "calls.csv.gz")).slice(1).map((line) =>
    1e12 + Number(line.split(",")[0]) * 1000
  )
  const half = 1e12 + (times.at(-1)! - 1e12) / 2
  const model = new RateModel(new Arena(), new SubjectRates())
  const evidence: Array<number> = []
  let frozen = false
  for (const time of times) {
    if (time >= half && !frozen) {
      model.freeze()
      frozen = true
    }
    model.count(time)
    if (frozen) evidence.push(model.evidence(time, undefined))
  }
  return [0.01, 0.001].map((rate) =>
    atMost(
      "arrivals",
      `false alarms of ${evidence.length} at ${rate * 100} %`,
      evidence.filter((value) => value >= -Math.log10(rate)).length,
      binomialQuantile(evidence.length, 1.5 * rate)
    )
  )
}
