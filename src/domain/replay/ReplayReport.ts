import type { DetectionReport, LineVerdict } from "./Verdicts.ts"

/** Everything that `pic replay` found out, as `--json` prints it. */
export interface ReplayReport extends DetectionReport {
  readonly ok: true
  readonly learned: { readonly lines: number; readonly calls: number }
  readonly calls: number
  readonly decisionsPerSecond: number
  /** Median time of scoring one call, in µs. */
  readonly scoreUs: number
  readonly functions: { readonly ready: number; readonly learning: number }
  /** What the reader should know before believing the figures. */
  readonly notes: ReadonlyArray<string>
  readonly worstFalseAlarms: ReadonlyArray<FalseAlarm>
}

/** A normal line that looked like an attack, and why. */
export type FalseAlarm = Pick<LineVerdict, "file" | "line" | "fn" | "score" | "pValue" | "action" | "findings">

/** False alarms that `--json` lists; the page of `--report` shows more. */
export const falseAlarmsListed = 5

/** The part of a verdict that a list of false alarms shows. */
export const falseAlarm = (
  { action, file, findings, fn, line, pValue, score }: LineVerdict
): FalseAlarm => ({ file, line, fn, score, pValue, action, findings })

/** Fewest normal lines for which a rate of 0.1 % means anything: one of them is the rate. */
const normalsMin = 1_000

/** What the reader should know before believing the figures. */
export const notesOn = (facts: {
  readonly report: DetectionReport
  readonly learnedAttacks: number
  readonly functionsLearning: number
  readonly untimed: number
  readonly unmeasured: number
}): ReadonlyArray<string> => {
  const { functionsLearning, learnedAttacks, report, unmeasured, untimed } = facts
  const notes: Array<string> = []
  if (report.attacks === 0 || report.normal === 0) {
    notes.push(`no ${report.attacks === 0 ? "attacks" : "normal lines"} among the test lines: nothing to rank`)
  } else if (report.normal < normalsMin) {
    notes.push(`${report.normal} normal lines are too few to tell a false-positive rate of 0.1 % from none`)
  }
  if (learnedAttacks > 0) {
    notes.push(`${learnedAttacks} lines of the learning files are labelled as attacks and were learned like all others`)
  }
  if (functionsLearning > 0) {
    notes.push(`${functionsLearning} functions were never ready (too few learned calls): their calls were all allowed`)
  }
  if (untimed > 0) notes.push(`call rates were not judged for ${untimed} functions: lines of theirs have no time (t)`)
  if (unmeasured > 0) {
    notes.push(`durations were not judged for ${unmeasured} functions: lines of theirs have "ok" but no "dur"`)
  }
  return notes
}
