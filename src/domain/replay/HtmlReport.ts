import { escapeLine } from "../Printable.ts"
import * as Metrics from "./Metrics.ts"
import type { ReplayReport } from "./ReplayReport.ts"
import type { LineVerdict } from "./Verdicts.ts"

/** What the page shows. */
export interface HtmlInput {
  readonly title: string
  readonly report: ReplayReport
  /** Scores, ascending. */
  readonly normal: Float64Array
  readonly attack: Float64Array
  readonly worst: ReadonlyArray<LineVerdict>
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

/** Foreign text in the page: control characters as escapes, then every character that HTML could act on as an entity. */
export const escapeHtml = (text: string): string =>
  escapeLine(text).replace(/[&<>"']/g, (character) => entities[character] ?? "")

const rocPointsMax = 400
const bins = 40
const width = 360
const height = 240
const margin = 36

const share = (value: number | null, digits = 2): string => value === null ? "–" : `${(100 * value).toFixed(digits)} %`
const figure = (value: number | null): string => value === null ? "–" : value.toFixed(4)

/** P-values as people read them: the exact one where it says something, else the exponent. */
const pText = (p: number): string => p >= 0.001 ? p.toFixed(4) : p.toExponential(1)

const fix = (value: number): string => value.toFixed(1)

const frame = (label: string, x: readonly [string, string], y: readonly [string, string], content: string): string =>
  `<figure><svg viewBox="0 0 ${width + margin + 12} ${height + margin + 8}" role="img" aria-label="${label}">
<rect x="${margin}" y="4" width="${width}" height="${height}" class="frame"/>
${content}
<text x="${margin}" y="${height + 20}">${x[0]}</text>
<text x="${margin + width}" y="${height + 20}" text-anchor="end">${x[1]}</text>
<text x="${margin - 4}" y="${height + 4}" text-anchor="end">${y[0]}</text>
<text x="${margin - 4}" y="14" text-anchor="end">${y[1]}</text>
</svg><figcaption>${label}</figcaption></figure>`

/** The left end of the logarithmic axis: half of the smallest rate that the data can show. */
const rocFigure = ({ attack, normal }: HtmlInput): string => {
  const points = Metrics.rocCurve(normal, attack, rocPointsMax)
  if (points.length === 0) return ""
  const least = 0.5 / normal.length
  const x = (fpr: number): number => margin + width * (1 - Math.log(Math.max(least, fpr)) / Math.log(least))
  const y = (tpr: number): number => 4 + height * (1 - tpr)
  const path = points.map(({ fpr, tpr }, i) => `${i === 0 ? "M" : "L"}${fix(x(fpr))} ${fix(y(tpr))}`).join("")
  const marks = [0.001, 0.01, 0.1].filter((rate) => rate > least).map((rate) =>
    `<path d="M${fix(x(rate))} 4V${height + 4}" class="mark"/><text x="${fix(x(rate))}" y="${
      height + 20
    }" text-anchor="middle">${100 * rate} %</text>`
  )
  return frame(
    "ROC curve: share of attacks found (up) by share of normal lines flagged (right, logarithmic)",
    ["", "100 %"],
    ["0", "1"],
    `${marks.join("")}<path d="${path}" class="roc"/>`
  )
}

const bars = (counts: ReadonlyArray<number>, kind: string): string => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return ""
  const most = Math.log1p(Math.max(...counts))
  const step = width / bins
  return counts.map((count, i) => {
    const tall = height * Math.log1p(count) / most
    return `<rect x="${fix(margin + i * step)}" y="${fix(4 + height - tall)}" width="${fix(step)}" height="${
      fix(tall)
    }" class="${kind}"/>`
  }).join("")
}

const histogramFigure = ({ attack, normal, report }: HtmlInput): string => {
  const max = Math.max(normal.at(-1) ?? 0, attack.at(-1) ?? 0)
  if (max <= 0) return ""
  const at = margin + width * Math.min(1, -Math.log10(report.threshold.nominalFpr) / max)
  return frame(
    "Scores of normal lines (blue) and attacks (red), logarithmic; the line is the shipped threshold",
    ["0", `${max.toFixed(1)} decades`],
    ["", ""],
    `${bars(Metrics.histogram(normal, bins, max), "normal")}${bars(Metrics.histogram(attack, bins, max), "attack")}
<path d="M${fix(at)} 4V${height + 4}" class="threshold"/>`
  )
}

const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const row = (cells: ReadonlyArray<string>, tag: "td" | "th") =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`
  return `<table><thead>${row(header, "th")}</thead><tbody>${
    rows.map((cells) => row(cells, "td")).join("\n")
  }</tbody></table>`
}

const kindTable = ({ byKind }: ReplayReport): string =>
  table(
    ["Kind", "Lines", "Attacks", "Blocked", "Alerted", "Flagged", "AUROC", "TPR at 1 %", "TPR at 0.1 %"],
    Object.entries(byKind).map(([kind, entry]) => [
      escapeHtml(kind),
      String(entry.lines),
      String(entry.attacks),
      String(entry.blocked),
      String(entry.alerted),
      share((entry.blocked + entry.alerted) / entry.lines),
      figure(entry.auroc),
      share(entry.tpr["0.01"]),
      share(entry.tpr["0.001"])
    ])
  )

const alarm = ({ action, file, findings, fn, line, pValue, score, text }: LineVerdict): string => {
  const reasons = findings.map(({ detector, expected, path, pValue: p, seen }) =>
    `<li><b>${escapeHtml(detector)}</b>${path === "" ? "" : ` at <code>${escapeHtml(path)}</code>`}: saw ${
      escapeHtml(seen)
    }, expected ${escapeHtml(expected)} (p ${pText(p)})</li>`
  )
  return `<section><h3><code>${escapeHtml(fn)}</code> <small>${escapeHtml(file)}, line ${line}</small></h3><p>Score ${
    score.toFixed(2)
  }, p ${pText(pValue)}, ${action}</p><ul>${reasons.join("")}</ul><pre>${escapeHtml(text)}</pre></section>`
}

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;border-bottom:1px solid #d8dee6;text-align:right}
td:first-child,th:first-child{text-align:left}figure{display:inline-block;margin:0 1rem 1rem 0;width:27rem}
svg{width:100%}svg text{font-size:11px;fill:#556}figcaption,small{color:#556;font-size:.85rem;font-weight:400}
.frame{fill:none;stroke:#b8c0cc}.roc{fill:none;stroke:#0b57d0;stroke-width:2}.mark{stroke:#d8dee6}
.threshold{stroke:#1c2430;stroke-dasharray:4 3}.normal{fill:#0b57d0;opacity:.55}.attack{fill:#c5221f;opacity:.55}
pre{background:#f4f6f8;padding:.5rem;white-space:pre-wrap;overflow-wrap:anywhere}`

const summary = ({ report }: HtmlInput): string =>
  table(["Measure", "Value"], [
    ["AUROC", figure(report.auroc)],
    ["Attacks found at 1 % false positives", share(report.tpr["0.01"])],
    ["Attacks found at 0.1 % false positives", share(report.tpr["0.001"])],
    [
      `At the shipped threshold (budget ${share(report.threshold.nominalFpr)}): false positives`,
      share(report.threshold.realisedFpr, 3)
    ],
    ["The same of calls, which the budget is for", share(report.threshold.realisedFprPerCall, 3)],
    ["At the shipped threshold: attacks found", share(report.threshold.tpr)],
    ["Learned", `${report.learned.lines} lines, ${report.learned.calls} calls`],
    ["Tested", `${report.lines} lines, ${report.calls} calls`],
    ["Decisions per second", String(report.decisionsPerSecond)]
  ])

/** A page that needs nothing else: no script, no network, everything foreign escaped. */
export const render = (input: HtmlInput): string => {
  const { report, title, worst } = input
  const notes = report.notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("")
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body>
<h1>${escapeHtml(title)}</h1>
${notes === "" ? "" : `<ul>${notes}</ul>`}
${summary(input)}
${rocFigure(input)}${histogramFigure(input)}
<h2>By kind</h2>
${kindTable(report)}
<h2>Worst false alarms</h2>
${worst.length === 0 ? "<p>No normal line looked suspicious.</p>" : worst.map(alarm).join("\n")}
</body></html>
`
}
