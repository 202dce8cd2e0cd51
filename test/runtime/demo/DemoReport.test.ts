import { assert, describe, it } from "@effect/vitest"
import * as DemoReport from "../../../src/runtime/demo/DemoReport.ts"
import type { Figures } from "../../../src/runtime/demo/Figures.ts"
import { quantile } from "../../../src/runtime/demo/Stopwatch.ts"
import { type Answer, Tally } from "../../../src/runtime/demo/Tally.ts"

const accounting = { offered: 10, analysed: 8, cached: 0, sampledOut: 0, throttled: 0, shed: 0, failed: 2, inFlight: 0 }
const good: Partial<Figures> = {
  detectionRate: 0.995,
  falsePositiveRate: 0.001,
  auditVerified: true,
  accounting,
  blocked: 4
}
const run = (figures: Partial<Figures>, problems: ReadonlyArray<string> = []): DemoReport.StageRun => ({
  name: "stage",
  shows: "something",
  summary: "done",
  seconds: 1.5,
  problems,
  figures
})

describe("DemoReport", () => {
  it("is fine where every stage and every bar is met", () => {
    const report = DemoReport.make([run(good), run({})])
    assert.isTrue(report.ok)
    assert.strictEqual(report.seconds, 3)
    assert.include(DemoReport.render(report), "Every stage did what it should")
    assert.include(DemoReport.render(report), "10")
  })

  const failures: ReadonlyArray<readonly [string, DemoReport.StageRun]> = [
    ["a problem", run(good, ["it broke"])],
    ["too few attacks", run({ ...good, detectionRate: 0.9899 })],
    ["too many false positives", run({ ...good, falsePositiveRate: 0.0021 })],
    ["evidence that does not verify", run({ ...good, auditVerified: false })],
    ["a call that is not accounted for", run({ ...good, accounting: { ...accounting, offered: 11 } })],
    ["nothing measured", run({})]
  ]
  for (const [name, stage] of failures) {
    it(`fails for ${name}`, () => {
      const report = DemoReport.make([stage])
      assert.isFalse(report.ok)
      assert.include(DemoReport.render(report), "FAILED")
    })
  }

  it("says which stage failed and why", () => {
    assert.include(DemoReport.render(DemoReport.make([run(good, ["it broke"])])), "stage: it broke")
  })
})

describe("Tally", () => {
  const answer = (kind: Answer["kind"], ending: Answer["ending"], ms = 1): Answer => ({
    operation: "search",
    session: "s",
    kind,
    ending,
    decisionId: "",
    ms
  })

  it("adds up", () => {
    const tally = new Tally()
    tally.answers.push(
      answer("sqli", "blocked"),
      answer("sqli", "ran"),
      answer("xss", "blocked"),
      answer("norm", "ran", 5)
    )
    assert.closeTo(tally.detectionRate, 2 / 3, 1e-9)
    assert.strictEqual(tally.falsePositiveRate, 0)
    assert.strictEqual(tally.medianMs, 1)
    assert.deepStrictEqual(tally.byKind()[0], { kind: "sqli", blocked: 1, all: 2 })
  })

  it("does not look perfect when empty", () => {
    assert.strictEqual(new Tally().detectionRate, 0)
    assert.strictEqual(new Tally().falsePositiveRate, 1)
  })
})

describe("quantile", () => {
  it("reads sorted values", () => {
    assert.strictEqual(quantile([1, 2, 3, 4], 0.5), 3)
    assert.strictEqual(quantile([1, 2, 3, 4], 1), 4)
    assert.strictEqual(quantile([], 0.5), 0)
  })
})
