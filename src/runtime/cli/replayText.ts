import { escapeLine } from "../../domain/Printable.ts"
import type { FalseAlarm, ReplayReport } from "../../domain/replay/ReplayReport.ts"
import * as Output from "./Output.ts"

const share = (value: number | null, digits = 2): string => value === null ? "-" : `${(100 * value).toFixed(digits)} %`
const figure = (value: number | null): string => value === null ? "-" : value.toFixed(4)

const kinds = ({ byKind }: ReplayReport): string =>
  Output.table(
    ["KIND", "LINES", "ATTACKS", "BLOCKED", "ALERTED", "AUROC", "TPR AT 1 %", "TPR AT 0.1 %"],
    Object.entries(byKind).map(([kind, entry]) => [
      kind,
      String(entry.lines),
      String(entry.attacks),
      String(entry.blocked),
      String(entry.alerted),
      figure(entry.auroc),
      share(entry.tpr["0.01"]),
      share(entry.tpr["0.001"])
    ])
  )

/** The first reason of a verdict in one line. */
export const reason = ({ findings }: Pick<FalseAlarm, "findings">): string => {
  const [first] = findings
  if (first === undefined) return "no explanation"
  const where = first.path === "" ? "" : ` at ${first.path}`
  return escapeLine(`${first.detector}${where}: saw ${first.seen}, expected ${first.expected}`)
}

const alarms = (worst: ReadonlyArray<FalseAlarm>): ReadonlyArray<string> =>
  worst.length === 0 ? [] : [
    "",
    "Worst false alarms:",
    ...worst.map((one) =>
      `  ${escapeLine(one.file)}, line ${one.line}: ${escapeLine(one.fn)} (score ${
        one.score.toFixed(2)
      }, ${one.action}); ${reason(one)}`
    )
  ]

/** The report as an operator reads it. */
export const render = (report: ReplayReport): string => {
  const { threshold } = report
  return [
    `Learned ${report.learned.lines} lines (${report.learned.calls} calls), tested ${report.lines} lines ` +
    `(${report.calls} calls): ${report.normal} normal, ${report.attacks} attacks, ${report.unlabelled} unlabelled.`,
    "",
    Output.table(["MEASURE", "VALUE"], [
      ["AUROC", figure(report.auroc)],
      ["attacks found at 1 % false positives", share(report.tpr["0.01"])],
      ["attacks found at 0.1 % false positives", share(report.tpr["0.001"])],
      [
        `false positives at the shipped threshold (budget ${share(threshold.nominalFpr)})`,
        share(threshold.realisedFpr, 3)
      ],
      ["the same of calls, which the budget is for", share(threshold.realisedFprPerCall, 3)],
      ["attacks found at the shipped threshold", share(threshold.tpr)],
      ["decisions per second", String(report.decisionsPerSecond)],
      ["scoring one call, median", `${report.scoreUs} µs`]
    ]),
    "",
    kinds(report),
    ...alarms(report.worstFalseAlarms),
    ...(report.notes.length === 0 ? [] : ["", ...report.notes.map((note) => `Note: ${note}.`)])
  ].join("\n")
}
