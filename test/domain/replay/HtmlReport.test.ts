import { assert, describe, it } from "@effect/vitest"
import * as HtmlReport from "../../../src/domain/replay/HtmlReport.ts"
import { falseAlarm, notesOn } from "../../../src/domain/replay/ReplayReport.ts"
import { type LineVerdict, Verdicts } from "../../../src/domain/replay/Verdicts.ts"

const hostile = "</pre><script>alert(1)</script>\"'&\u202e\u001b[31m"

const verdict = (attack: boolean, score: number): LineVerdict => ({
  file: hostile,
  line: 3,
  attack,
  kind: hostile,
  score,
  action: "allow",
  calls: 1,
  flaggedCalls: 0,
  fn: hostile,
  pValue: 0.002,
  findings: [{ detector: "shape", path: hostile, expected: hostile, seen: hostile, pValue: 1e-6 }],
  text: hostile
})

const page = (list: ReadonlyArray<LineVerdict>): string => {
  const verdicts = new Verdicts()
  for (const one of list) verdicts.add(one)
  const report = verdicts.report(0.001)
  return HtmlReport.render({
    title: hostile,
    report: {
      ok: true,
      ...report,
      learned: { lines: 10, calls: 10 },
      calls: list.length,
      decisionsPerSecond: 1,
      scoreUs: 1,
      functions: { ready: 1, learning: 0 },
      notes: notesOn({ report, learnedAttacks: 1, functionsLearning: 2, untimed: 3, unmeasured: 4 }),
      worstFalseAlarms: verdicts.worst.map(falseAlarm)
    },
    ...verdicts.scores(),
    worst: verdicts.worst
  })
}

/** Tags that the page itself is made of; anything else came from the data. */
const known = new Set(
  ("html head meta title style body h1 h2 h3 ul li table thead tbody tr th td figure svg rect path text figcaption " +
    "section code small p b pre").split(" ")
)
const foreignTags = (html: string): ReadonlyArray<string> =>
  Array.from(html.matchAll(/<\/?([a-zA-Z][a-zA-Z0-9]*)/g), ([, name]) => name!.toLowerCase()).filter((name) =>
    !known.has(name)
  )

describe("HtmlReport", () => {
  it("escapes everything foreign and needs nothing from outside", () => {
    const html = page([verdict(false, 2), verdict(false, 1), verdict(true, 5)])
    assert.deepStrictEqual(foreignTags(html), [])
    assert.notInclude(html, "\u202e")
    assert.notInclude(html, "\u001b")
    assert.notMatch(html, /(?:src|href)=|https?:|url\(/)
    assert.include(html, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u202e\\u001b[31m")
    assert.include(html, "default-src 'none'")
  })

  it("positive control: the check finds data that is not escaped", () => {
    assert.deepStrictEqual(foreignTags(page([verdict(false, 2)]).replaceAll("&lt;", "<")).slice(0, 1), ["script"])
  })

  it("shows curve, histogram, kinds, notes and the worst false alarms", () => {
    const html = page(Array.from({ length: 40 }, (_, i) => verdict(i % 2 === 0, i)))
    for (
      const part of ["class=\"roc\"", "class=\"threshold\"", "By kind", "Worst false alarms", "labelled as attacks"]
    ) {
      assert.include(html, part)
    }
    assert.notMatch(html, /NaN|undefined|Infinity/)
  })

  it("has no figures where there is nothing to draw", () => {
    const html = page([{ ...verdict(false, 0), findings: [] }])
    assert.notInclude(html, "<svg")
    assert.include(html, "No normal line looked suspicious")
    assert.notMatch(html, /NaN|undefined|Infinity/)
  })
})
