import * as Path from "node:path"
import { Detector } from "../../src/domain/detect/Detector.ts"
import { CallDescriber } from "../../src/domain/features/CallDescriber.ts"
import { suspicionOf } from "../../src/domain/replay/Suspicion.ts"
import type { TelemetryEvent } from "../../src/domain/TelemetryEvent.ts"
import { probe } from "../../src/layers/agent/TelemetryGenerator.ts"
import {
  atLeast,
  atMost,
  binomialQuantile,
  type EvalRow,
  learningOpen,
  readLines,
  type Scored,
  shown,
  tprAt
} from "./report.ts"

interface Line {
  readonly fn: string
  readonly args: ReadonlyArray<unknown>
  readonly y?: number
}

const describer = new CallDescriber([0x243f6a88, 0x85a308d3], probe)
const budget = learningOpen.falsePositiveRate

const eventOf = (line: Line, index: number): TelemetryEvent => ({
  id: `e${index}`,
  agentId: "eval",
  fn: line.fn,
  session: "",
  subjectHash: "",
  timestamp: 0,
  priority: "normal",
  samplingProbability: 1,
  features: describer.describe(line.args, undefined)
})

/** What `pic replay` measures: learning goes on with what is allowed, and calls are ranked by their suspicion. */
const measure = (
  data: string,
  learn: ReadonlyArray<Line>,
  test: ReadonlyArray<Line>,
  bar: number
): ReadonlyArray<EvalRow> => {
  const detector = new Detector(() => learningOpen)
  const pass = (line: Line, index: number) => {
    const event = eventOf(line, index)
    const assessment = detector.score(event)
    detector.learn(event, assessment)
    return assessment
  }
  learn.forEach(pass)
  detector.finishLearning()
  let alarms = 0
  let normals = 0
  let caught = 0
  const missed: Array<string> = []
  const scored = test.map((line, i): Scored => {
    const assessment = pass(line, learn.length + i)
    const blocked = assessment.pValue < budget
    if (line.y === 1) {
      caught += blocked ? 1 : 0
    } else {
      normals++
      alarms += blocked ? 1 : 0
    }
    if (process.env["PIC_EVAL_MISSED"] !== undefined && blocked !== (line.y === 1)) {
      missed.push(
        `${line.y} ${assessment.score.toFixed(2)} ${assessment.pValue.toExponential(1)} ${String(line.args[0])}`
      )
    }
    return { score: suspicionOf(assessment), attack: line.y === 1 }
  })
  if (missed.length > 0) process.stdout.write(`${missed.slice(0, 40).join("\n")}\n`)
  return [
    atLeast(data, "TPR at 0.1 % FPR", tprAt(scored, 0.001), bar),
    shown(data, "TPR at the shipped threshold", caught / (test.length - normals)),
    atMost(data, `false alarms of ${normals}`, alarms, binomialQuantile(normals, 1.5 * budget))
  ]
}

/** Content of one string argument: web parameters against injections. */
export const evaluateHttpParams = (folder: string): ReadonlyArray<EvalRow> => {
  const read = (name: string) => readLines(Path.join(folder, name)).map((line) => JSON.parse(line) as Line)
  const learn = read("learn.ndjson.gz")
  const test = read("validate.ndjson.gz")
  return [
    ...measure("httpparams", learn, test, 0.9995),
    ...measure("httpparams, first 100", learn.slice(0, 100), test, 0.998)
  ]
}
