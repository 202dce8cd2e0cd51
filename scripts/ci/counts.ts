/** Reads how many tests passed and failed from the reports of Vitest (JSON) and of the Node test runner (TAP). */

/** Tests that passed and failed. Skipped tests are neither. */
export interface Counts {
  readonly passed: number
  readonly failed: number
}

const numberAt = (value: unknown, key: string): number => {
  const found = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
  return typeof found === "number" ? found : 0
}

/** From Vitest's JSON report; a file that could not even be loaded has no tests, and counts as one failure. */
export const vitestCounts = (text: string): Counts => {
  const report: unknown = JSON.parse(text)
  const failed = numberAt(report, "numFailedTests")
  return {
    passed: numberAt(report, "numPassedTests"),
    failed: Math.max(failed, numberAt(report, "numFailedTestSuites") > 0 ? 1 : 0)
  }
}

const tapLine = (text: string, name: string): number =>
  Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0)

/** From the summary lines of a TAP report; cancelled tests failed. */
export const tapCounts = (text: string): Counts => ({
  passed: tapLine(text, "pass"),
  failed: tapLine(text, "fail") + tapLine(text, "cancelled")
})
