import * as Path from "node:path"
import { none } from "../../src/domain/CallFeatures.ts"
import { Detector } from "../../src/domain/detect/Detector.ts"
import { suspicionOf } from "../../src/domain/replay/Suspicion.ts"
import type { TelemetryEvent } from "../../src/domain/TelemetryEvent.ts"
import {
  atLeast,
  auroc,
  type EvalRow,
  falseAlarms,
  learningOpen,
  readLines,
  type Scored,
  shown,
  tprAt
} from "./report.ts"

interface Trace {
  readonly seq: ReadonlyArray<number>
  readonly y?: number
}

/** Traces in the data set come in blocks of this many; every other block of normal ones is learned in the second run. */
const block = 50

const eventOf = (session: string, call: number): TelemetryEvent => ({
  id: "",
  agentId: "eval",
  fn: String(call),
  session,
  subjectHash: "",
  timestamp: 0,
  priority: "normal",
  samplingProbability: 1,
  features: none
})

interface Run {
  readonly scored: ReadonlyArray<Scored>
  /** Calls of normal traces that were tested, those that would be blocked, and the traces that these belong to. */
  readonly calls: number
  readonly alarms: number
  readonly traces: number
}

const run = (learn: ReadonlyArray<Trace>, test: ReadonlyArray<Trace>): Run => {
  const detector = new Detector(() => learningOpen)
  let alarms = 0
  const worst = (trace: Trace, session: string): number => {
    let most = 0
    for (const call of trace.seq) {
      const event = eventOf(session, call)
      const assessment = detector.score(event)
      detector.learn(event, assessment)
      if (assessment.pValue <= learningOpen.falsePositiveRate && trace.y !== 1) alarms++
      most = Math.max(most, suspicionOf(assessment))
    }
    return most
  }
  learn.forEach((trace, i) => worst(trace, `l${i}`))
  detector.finishLearning()
  let traces = 0
  const scored = test.map((trace, i): Scored => {
    const before = alarms
    const score = worst(trace, `t${i}`)
    if (alarms > before) traces++
    return { score, attack: trace.y === 1 }
  })
  const calls = test.reduce((sum, trace) => sum + (trace.y === 1 ? 0 : trace.seq.length), 0)
  return { scored, calls, alarms, traces }
}

const rows = (data: string, tested: Run): ReadonlyArray<EvalRow> => {
  const normals = tested.scored.filter((one) => !one.attack).length
  return [
    falseAlarms(data, tested.calls, tested.alarms),
    shown(data, `share of ${normals} normal sessions alarmed`, tested.traces / normals)
  ]
}

/** Sessions of system calls: a session is as suspicious as its worst moment. */
export const evaluateAdfa = (folder: string): ReadonlyArray<EvalRow> => {
  const read = (name: string) => readLines(Path.join(folder, name)).map((line) => JSON.parse(line) as Trace)
  const learn = read("learn.ndjson.gz")
  const validate = read("validate.ndjson.gz")
  const normals = validate.filter((trace) => trace.y !== 1)
  const isLearned = (_: Trace, i: number) => Math.floor(i / block) % 2 === 0
  const first = run(learn, validate)
  const second = run([...learn, ...normals.filter(isLearned)], [
    ...normals.filter((trace, i) => !isLearned(trace, i)),
    ...validate.filter((trace) => trace.y === 1)
  ])
  return [
    atLeast("adfa-ld", "AUROC", auroc(first.scored), 0.88),
    shown("adfa-ld", "TPR at 5 % FPR", tprAt(first.scored, 0.05)),
    ...rows("adfa-ld", first),
    atLeast("adfa-ld, other normals too", "AUROC", auroc(second.scored), 0.92),
    atLeast("adfa-ld, other normals too", "TPR at 5 % FPR", tprAt(second.scored, 0.05), 0.55),
    ...rows("adfa-ld, other normals too", second)
  ]
}
