import { escapeLine } from "../../domain/Printable.ts"
import type { Contrast, CounterfactualReport } from "../../domain/replay/Counterfactual.ts"
import type { ReplayedContrast } from "../replay/CounterfactualRun.ts"
import { reason } from "./replayText.ts"

/** Verdicts that the text shows of each list; `--json` has more of them. */
const shownMax = 20

const label = (attack: boolean | undefined): string => attack === undefined ? "" : attack ? " [attack]" : " [normal]"

const list = (title: string, contrasts: ReadonlyArray<Contrast>, count: number): ReadonlyArray<string> => {
  if (count === 0) return []
  const shown = contrasts.slice(0, shownMax)
  const rest = count - shown.length
  return [
    "",
    title,
    ...shown.map((one) =>
      `  ${escapeLine(one.place)}: ${escapeLine(one.fn)}${label(one.attack)} (p ${one.pValue.toPrecision(2)}); ${
        reason(one)
      }`
    ),
    ...(rest > 0 ? [`  and ${rest} more`] : [])
  ]
}

/** A comparison as an operator reads it; `what` are the things that were judged. */
export const render = (report: CounterfactualReport, what: string): string =>
  [
    ...report.changes.map(({ from, key, to }) => `${key}: ${escapeLine(String(from))} -> ${escapeLine(String(to))}`),
    `Of ${report.judged} ${what} the candidate would block ${report.blocked}; now it is ${report.blockedBefore}. ` +
    `${report.newlyBlocked} are new (${report.newlyBlockedNormal} of them labelled normal), ` +
    `${report.noLongerBlocked} would no longer be blocked.`,
    ...list("Newly blocked, the least likely first:", report.newBlocks, report.newlyBlocked),
    ...list("No longer blocked:", report.lostBlocks, report.noLongerBlocked),
    ...(report.notes.length === 0 ? [] : ["", ...report.notes.map((note) => `Note: ${note}.`)])
  ].join("\n")

const share = (value: number | null): string => value === null ? "-" : `${(100 * value).toFixed(3)} %`

/** The same for a trace that was replayed twice, with the figures of both policies. */
export const renderReplayed = (report: ReplayedContrast): string => {
  const [now, then] = [report.current.threshold, report.candidate.threshold]
  return [
    render(report, "test lines"),
    "",
    `False positives: ${share(now.realisedFpr)} now, ${share(then.realisedFpr)} under the candidate. ` +
    `Attacks found: ${share(now.tpr)} now, ${share(then.tpr)} under the candidate.`
  ].join("\n")
}
