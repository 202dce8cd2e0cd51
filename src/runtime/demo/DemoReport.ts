import * as Accounting from "../../domain/flow/Accounting.ts"
import type { Figures } from "./Figures.ts"
import type { StageResult } from "./Stage.ts"

/** A stage that was run, with how long it took. */
export interface StageRun extends StageResult {
  readonly name: string
  readonly shows: string
  readonly seconds: number
}

/** The bars that the figures must meet, as promised in the README. */
export const bars = { detectionRateMin: 0.99, falsePositiveRateMax: 0.002 }

/** Everything that the demo found. */
export interface DemoReport extends Figures {
  readonly ok: boolean
  readonly seconds: number
  readonly stages: ReadonlyArray<{
    readonly name: string
    readonly ok: boolean
    readonly summary: string
    readonly problems: ReadonlyArray<string>
    readonly seconds: number
  }>
}

const unmeasured: Figures = {
  detectionRate: 0,
  falsePositiveRate: 1,
  p50Us: 0,
  p99Us: 0,
  overhead: 0,
  byKind: [],
  auditVerified: false,
  auditRecords: 0,
  blocked: 0,
  accounting: new Accounting.Ledger().snapshot()
}

/** The report of a run. A figure that no stage measured counts as missed. */
export const make = (runs: ReadonlyArray<StageRun>): DemoReport => {
  const figures = runs.reduce<Figures>((all, run) => Object.assign(all, run.figures), { ...unmeasured })
  return {
    ...figures,
    ok: runs.every((run) => run.problems.length === 0)
      && figures.auditVerified
      && figures.detectionRate >= bars.detectionRateMin
      && figures.falsePositiveRate <= bars.falsePositiveRateMax
      && Accounting.balanced(figures.accounting),
    seconds: runs.reduce((sum, run) => sum + run.seconds, 0),
    stages: runs.map(({ name, problems, seconds, summary }) => ({
      name,
      ok: problems.length === 0,
      summary,
      problems,
      seconds
    }))
  }
}

const percent = (fraction: number): string => `${(fraction * 100).toFixed(2)} %`

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    []
  )
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("   ").trimEnd()}`)
}

/** The report as an operator reads it. */
export const render = (report: DemoReport): string => {
  const a = report.accounting
  return [
    "",
    ...table([
      ["attack", "blocked", "of"],
      ...report.byKind.map(({ all, blocked, kind }) => [kind, String(blocked), String(all)])
    ]),
    "",
    ...table([
      ["detection rate", percent(report.detectionRate), `at least ${percent(bars.detectionRateMin)}`],
      ["false positives", percent(report.falsePositiveRate), `at most ${percent(bars.falsePositiveRateMax)}`],
      ["added to a call, p50 / p99", `${report.p50Us.toFixed(1)} / ${report.p99Us.toFixed(1)} µs`, ""],
      ["overhead on the median request", percent(report.overhead), ""],
      ["calls blocked", String(report.blocked), "each with its evidence"],
      ["evidence", report.auditVerified ? "verified" : "NOT VERIFIED", `${report.auditRecords} records`],
      [
        "calls offered",
        String(a.offered),
        `= ${a.analysed} analysed + ${a.cached} cached + ${a.sampledOut} sampled out + ${a.throttled} throttled `
        + `+ ${a.shed} shed + ${a.failed} failed + ${a.inFlight} in flight`
      ]
    ]),
    "",
    report.ok
      ? `Every stage did what it should (${report.seconds.toFixed(0)} s).`
      : [
        "FAILED:",
        ...report.stages.flatMap((stage) => stage.problems.map((problem) => `  ${stage.name}: ${problem}`)),
        ...(report.stages.every((stage) => stage.ok) ? ["  the figures above do not meet their bars"] : [])
      ].join("\n")
  ].join("\n")
}
