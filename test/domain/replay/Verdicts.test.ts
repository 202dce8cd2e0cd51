import { assert, describe, it } from "@effect/vitest"
import { kindsMax, type LineVerdict, Verdicts, worstMax } from "../../../src/domain/replay/Verdicts.ts"

const finding = { detector: "shape", path: "0", expected: "letters", seen: "`'`", pValue: 1e-4 } as const

const verdict = (given: Partial<LineVerdict>): LineVerdict => ({
  file: "t.ndjson",
  line: 1,
  attack: undefined,
  kind: undefined,
  score: 0,
  action: "allow",
  calls: 1,
  flaggedCalls: given.action === undefined ? 0 : 1,
  fn: "f",
  pValue: 1,
  findings: [finding],
  text: "{}",
  ...given
})

const collect = (list: ReadonlyArray<Partial<LineVerdict>>): Verdicts => {
  const verdicts = new Verdicts()
  for (const one of list) verdicts.add(verdict(one))
  return verdicts
}

describe("Verdicts", () => {
  it("reports figures by hand", () => {
    const report = collect([
      { attack: false, kind: "norm", score: 1 },
      { attack: false, kind: "norm", score: 4, action: "block" },
      { attack: false, kind: "norm", score: 2, calls: 97 },
      { attack: false, kind: "norm", score: 0 },
      { attack: true, kind: "sqli", score: 5, action: "block" },
      { attack: true, kind: "sqli", score: 3 },
      { attack: true, kind: "slow", score: 6, action: "alert" },
      { score: 9, action: "block" }
    ]).report(0.001)
    assert.deepInclude(report, { lines: 8, attacks: 3, normal: 4, unlabelled: 1, blocked: 3, alerted: 1 })
    // Attack 5 and 6 beat all four, 3 beats three: 11 of 12.
    assert.strictEqual(report.auroc, 11 / 12)
    assert.deepStrictEqual(report.tpr, { "0.01": 2 / 3, "0.001": 2 / 3 })
    assert.deepStrictEqual(report.threshold, {
      nominalFpr: 0.001,
      realisedFpr: 0.25,
      realisedFprPerCall: 0.01,
      tpr: 2 / 3
    })
    assert.deepStrictEqual(Object.keys(report.byKind), ["norm", "slow", "sqli", "unlabelled"])
    assert.deepStrictEqual(report.byKind["sqli"], {
      lines: 2,
      attacks: 2,
      blocked: 1,
      alerted: 0,
      auroc: 7 / 8,
      tpr: { "0.01": 0.5, "0.001": 0.5 }
    })
    assert.deepInclude(report.byKind["norm"], { lines: 4, attacks: 0, blocked: 1, auroc: null })
  })

  it("has null for what cannot be measured", () => {
    const report = collect([{ attack: true, score: 1 }]).report(0.001)
    assert.isNull(report.auroc)
    assert.deepStrictEqual(report.threshold, { nominalFpr: 0.001, realisedFpr: null, realisedFprPerCall: null, tpr: 0 })
  })

  it("keeps the worst false alarms that can be explained, in order, and no more", () => {
    const verdicts = collect([
      ...Array.from({ length: 50 }, (_, i) => ({ attack: false, line: i, score: (i * 37) % 50 })),
      { attack: false, score: 99, findings: [] },
      { attack: true, score: 100 }
    ])
    const scores = verdicts.worst.map(({ score }) => score)
    assert.deepStrictEqual(scores, Array.from({ length: worstMax }, (_, i) => 49 - i))
  })

  it("grows beyond its first size without losing a score", () => {
    const verdicts = collect(Array.from({ length: 5_000 }, (_, i) => ({ attack: i % 2 === 0, score: i, findings: [] })))
    const { attack, normal } = verdicts.scores()
    assert.deepStrictEqual([attack.length, attack[0], attack.at(-1)], [2_500, 0, 4_998])
    assert.deepStrictEqual([normal.length, normal[0], normal.at(-1)], [2_500, 1, 4_999])
  })

  it("counts kinds beyond the limit as one, and takes any name", () => {
    const kinds = Array.from({ length: kindsMax + 9 }, (_, i) => ({ kind: `k${i}` }))
    const { byKind } = collect([{ kind: "__proto__" }, ...kinds]).report(0.001)
    assert.strictEqual(Object.keys(byKind).length, kindsMax + 1)
    assert.strictEqual(byKind["(other kinds)"]?.lines, 10)
    assert.isTrue(Object.hasOwn(byKind, "__proto__"))
  })
})
