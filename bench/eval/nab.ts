import * as Fs from "node:fs"
import * as Path from "node:path"
import { Detector } from "../../src/domain/detect/Detector.ts"
import { CallDescriber } from "../../src/domain/features/CallDescriber.ts"
import { suspicionOf } from "../../src/domain/replay/Suspicion.ts"
import type { TelemetryEvent } from "../../src/domain/TelemetryEvent.ts"
import { probe } from "../../src/layers/agent/TelemetryGenerator.ts"
import { type NabFile, nabScore, probation } from "./nabScore.ts"
import { atLeast, type EvalRow, falseAlarms, learningOpen, readLines } from "./report.ts"

interface Series extends NabFile {
  readonly name: string
  readonly times: ReadonlyArray<number>
  readonly values: ReadonlyArray<number>
  /** Score that the benchmark's own Windowed Gaussian detector gave each row. */
  readonly gaussian: ReadonlyArray<number>
}

const describer = new CallDescriber([0x243f6a88, 0x85a308d3], probe)

const readSeries = (folder: string): ReadonlyArray<Series> =>
  Fs.readdirSync(folder).filter((name) => name.endsWith(".csv.gz")).toSorted().map((name) => {
    const rows = readLines(Path.join(folder, name)).slice(1).map((line) => line.split(","))
    return {
      name,
      times: rows.map((row) => Date.parse(`${row[0]!.replace(" ", "T")}Z`)),
      values: rows.map((row) => Number(row[1])),
      window: rows.map((row) => Number(row[2])),
      gaussian: rows.map((row) => Number(row[3]))
    }
  })

const eventOf = (series: Series, row: number): TelemetryEvent => ({
  id: `${series.name}-${row}`,
  agentId: "eval",
  fn: series.name,
  session: "",
  subjectHash: "",
  timestamp: series.times[row]!,
  priority: "normal",
  samplingProbability: 1,
  features: describer.describe([series.values[row]], undefined)
})

/** Numbers over time: each file is a function with one number as its argument. */
export const evaluateNab = (folder: string): ReadonlyArray<EvalRow> => {
  const files = readSeries(folder)
  const detector = new Detector(() => learningOpen)
  const pass = (series: Series, row: number) => {
    const event = eventOf(series, row)
    const assessment = detector.score(event)
    detector.learn(event, assessment)
    return { pValue: assessment.pValue, suspicion: suspicionOf(assessment) }
  }
  for (const series of files) for (let row = 0; row < probation(series.values.length); row++) pass(series, row)
  detector.finishLearning()
  let calls = 0
  let alarms = 0
  const scores = files.map((series) => {
    const suspicion = new Float64Array(series.values.length)
    for (let row = probation(suspicion.length); row < suspicion.length; row++) {
      const { pValue, suspicion: decades } = pass(series, row)
      suspicion[row] = decades
      if (series.window[row] !== 0) continue
      calls++
      if (pValue <= learningOpen.falsePositiveRate) alarms++
    }
    return suspicion
  })
  const check = nabScore(files, files.map((series) => series.gaussian)).score
  return [
    {
      data: "nab",
      measure: "check: Windowed Gaussian",
      measured: check.toFixed(2),
      bar: "36.71",
      met: check.toFixed(2) === "36.71" ? "yes" : "no"
    },
    atLeast("nab", "standard-profile score", nabScore(files, scores).score, 66),
    falseAlarms("nab", calls, alarms)
  ]
}
