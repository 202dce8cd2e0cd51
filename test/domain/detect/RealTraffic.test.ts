import * as Fs from "node:fs"
import * as Zlib from "node:zlib"
import { describe, expect, it } from "vitest"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import { binomialQuantile, event, settings } from "./support.ts"

interface Line {
  readonly fn: string
  readonly args: ReadonlyArray<unknown>
  readonly y?: number
}

const folder = new URL("../../../examples/data/httpparams/", import.meta.url)
const read = (name: string): ReadonlyArray<Line> =>
  Zlib.gunzipSync(Fs.readFileSync(new URL(name, folder))).toString("utf8").trimEnd().split("\n").map((line) =>
    JSON.parse(line) as Line
  )
const learn = read("learn.ndjson.gz")
const test = read("test.ndjson.gz")
const alpha = 0.001

const trainedOn = (lines: ReadonlyArray<Line>): Detector => {
  const detector = new Detector(() => ({ ...settings, falsePositiveRate: alpha }))
  for (const line of lines) {
    const call = event(line.fn, line.args)
    detector.learn(call, detector.score(call))
  }
  detector.finishLearning()
  return detector
}

/**
 * Real calls in time order, each judged by what was learned until then, attacks that were allowed included: alarms on
 * normal ones, share of attacks found.
 */
const judged = (detector: Detector, p = (_score: number, pValue: number) => pValue) => {
  let alarms = 0
  let normals = 0
  let found = 0
  for (const line of test) {
    const call = event(line.fn, line.args)
    const verdict = detector.score(call)
    const blocked = p(verdict.score, verdict.pValue) <= alpha
    if (!blocked) detector.learn(call, verdict)
    if (line.y === 1) {
      if (blocked) found++
      continue
    }
    normals++
    if (blocked) alarms++
  }
  return { alarms, normals, found: found / (test.length - normals) }
}

describe("real web parameters in time order, at the shipped budget", () => {
  it("alarms within the budget and finds the attacks", () => {
    const { alarms, found, normals } = judged(trainedOn(learn))
    expect(normals).toBeGreaterThan(1000)
    expect(alarms).toBeLessThanOrEqual(binomialQuantile(normals, 1.5 * alpha))
    expect(found).toBeGreaterThan(0.99)
  })

  it("alarms within the budget after a hundred calls, says that it extrapolates, and finds most attacks", () => {
    const detector = trainedOn(learn.slice(0, 100))
    const { alarms, found, normals } = judged(detector)
    expect(alarms).toBeLessThanOrEqual(binomialQuantile(normals, 1.5 * alpha))
    expect(found).toBeGreaterThan(0.8)
    const verdict = detector.score(event(learn[0]!.fn, ["1') or (select 1)=1--; <script>alert('x')</script>"]))
    expect(verdict.pValue).toBeLessThanOrEqual(alpha)
    expect(verdict.findings[0]?.expected).toContain("extrapolated beyond")
  })

  it("would not, if the models' own evidence were taken for a p-value", () => {
    const { alarms, normals } = judged(trainedOn(learn.slice(0, 800)), (score) => 10 ** -(2 * score))
    expect(alarms).toBeGreaterThan(binomialQuantile(normals, 1.5 * alpha))
  })
})
