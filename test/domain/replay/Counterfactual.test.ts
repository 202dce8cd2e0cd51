import { assert, describe, it } from "@effect/vitest"
import { Actions, type Contrast, Counterfactual, listedMax } from "../../../src/domain/replay/Counterfactual.ts"

const contrast = (given: Partial<Contrast>): Contrast => ({
  place: "t.ndjson, line 1",
  fn: "f",
  pValue: 0.01,
  findings: [],
  attack: undefined,
  before: "allow",
  after: "allow",
  ...given
})

describe("Counterfactual", () => {
  it("tells new blocks from old ones and from lost ones", () => {
    const difference = new Counterfactual()
    difference.add(contrast({}))
    difference.add(contrast({ before: "block", after: "block" }))
    difference.add(contrast({ after: "block", attack: false, pValue: 0.004 }))
    difference.add(contrast({ before: "alert", after: "block", attack: true, pValue: 0.002 }))
    difference.add(contrast({ before: "block", after: "alert" }))
    const report = difference.report([{ key: "brain.false_positive_rate", from: 0.001, to: 0.005 }], ["a note"])
    assert.deepInclude(report, {
      ok: true,
      judged: 5,
      blockedBefore: 2,
      blocked: 3,
      newlyBlocked: 2,
      newlyBlockedNormal: 1,
      noLongerBlocked: 1,
      notes: ["a note"]
    })
    assert.deepStrictEqual(report.newBlocks.map(({ pValue }) => pValue), [0.002, 0.004])
    assert.strictEqual(report.lostBlocks.length, 1)
  })

  it("lists the least likely ones and counts all", () => {
    const difference = new Counterfactual()
    for (let i = 0; i < 1_000; i++) difference.add(contrast({ after: "block", pValue: ((i * 7) % 1_000) / 1e6 }))
    const { newBlocks, newlyBlocked } = difference.report([], [])
    assert.strictEqual(newlyBlocked, 1_000)
    assert.deepStrictEqual(
      newBlocks.map(({ pValue }) => Math.round(pValue * 1e6)),
      Array.from({ length: listedMax }, (_, i) => i)
    )
  })

  it("remembers the actions of a replay in order", () => {
    const actions = new Actions()
    const of = (i: number) => (["allow", "alert", "block"] as const)[i % 3]!
    for (let i = 0; i < 3_000; i++) actions.add(of(i))
    for (let i = 0; i < 3_000; i++) assert.strictEqual(actions.at(i), of(i))
  })
})
