import { assert, describe, it } from "@effect/vitest"
import { tapCounts, vitestCounts } from "../../scripts/ci/counts.ts"

describe("vitestCounts", () => {
  it("reads the totals", () => {
    const report = JSON.stringify({ numPassedTests: 7, numFailedTests: 2, numFailedTestSuites: 3 })
    assert.deepStrictEqual(vitestCounts(report), { passed: 7, failed: 2 })
  })

  it("counts a file that did not load", () => {
    const report = JSON.stringify({ numPassedTests: 7, numFailedTests: 0, numFailedTestSuites: 1 })
    assert.deepStrictEqual(vitestCounts(report), { passed: 7, failed: 1 })
  })
})

describe("tapCounts", () => {
  it("reads the summary and counts cancelled tests as failed", () => {
    const report =
      "TAP version 13\nok 1 - # pass 99 in a name\n# tests 6\n# pass 3\n# fail 1\n# cancelled 2\n# skipped 0\n"
    assert.deepStrictEqual(tapCounts(report), { passed: 3, failed: 3 })
  })

  it("finds nothing in a truncated report", () => {
    assert.deepStrictEqual(tapCounts("TAP version 13\n"), { passed: 0, failed: 0 })
  })
})
