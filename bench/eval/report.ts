import * as Fs from "node:fs"
import * as Zlib from "node:zlib"
import type { DetectorSettings } from "../../src/domain/detect/DetectorSettings.ts"

/** One line of the table. */
export interface EvalRow {
  readonly data: string
  readonly measure: string
  readonly measured: string
  readonly bar: string
  readonly met: "yes" | "no" | "-"
}

/** A measure against a bar it must reach. */
export const atLeast = (data: string, measure: string, value: number, bar: number): EvalRow => ({
  data,
  measure,
  measured: value.toFixed(4),
  bar: `>= ${bar}`,
  met: value >= bar ? "yes" : "no"
})

/** A count against a bar it must not pass. */
export const atMost = (data: string, measure: string, value: number, bar: number): EvalRow => ({
  data,
  measure,
  measured: String(value),
  bar: `<= ${bar}`,
  met: value <= bar ? "yes" : "no"
})

/** A measure without a bar. */
export const shown = (data: string, measure: string, value: number): EvalRow => ({
  data,
  measure,
  measured: value.toFixed(4),
  bar: "-",
  met: "-"
})

/** A set that could not be measured, and why: never silently. */
export const notMeasured = (data: string, why: string): EvalRow => ({
  data,
  measure: why,
  measured: "not measured",
  bar: "-",
  met: "-"
})

/** Lines of a gzipped text file. */
export const readLines = (path: string): ReadonlyArray<string> =>
  Zlib.gunzipSync(Fs.readFileSync(path)).toString("utf8").trimEnd().split("\n")

/** The default settings, as the embedded brain runs with them. */
export const settings: DetectorSettings = {
  falsePositiveRate: 0.001,
  minSamples: 100,
  minSeconds: 10,
  minSessions: 0,
  functionsMax: 10_000
}

/** The same, for runs that end the learning phase themselves, as `pic replay` does. */
export const learningOpen: DetectorSettings = { ...settings, minSeconds: Number.MAX_SAFE_INTEGER }

/** Alarms in normal calls at the shipped threshold, against what 1.5 times the budget may give by chance. */
export const falseAlarms = (data: string, calls: number, alarms: number): EvalRow =>
  atMost(
    data,
    `false alarms of ${calls} calls`,
    alarms,
    binomialQuantile(calls, 1.5 * settings.falsePositiveRate)
  )

/** A score with its label. */
export interface Scored {
  readonly score: number
  readonly attack: boolean
}

/** Area under the ROC curve, ties counted half. */
export const auroc = (scored: ReadonlyArray<Scored>): number => {
  const sorted = scored.toSorted((a, b) => a.score - b.score)
  let negatives = 0
  let wins = 0
  for (let i = 0; i < sorted.length;) {
    let j = i
    let attacks = 0
    while (j < sorted.length && sorted[j]!.score === sorted[i]!.score) {
      if (sorted[j]!.attack) attacks++
      j++
    }
    const normals = j - i - attacks
    wins += attacks * (negatives + normals / 2)
    negatives += normals
    i = j
  }
  const positives = scored.length - negatives
  return positives === 0 || negatives === 0 ? Number.NaN : wins / (positives * negatives)
}

/** Share of attacks above the threshold that passes at most `rate` of the normals. */
export const tprAt = (scored: ReadonlyArray<Scored>, rate: number): number => {
  const normals = scored.filter((s) => !s.attack).map((s) => s.score).toSorted((a, b) => b - a)
  const threshold = normals[Math.floor(rate * normals.length)] ?? -Infinity
  const attacks = scored.filter((s) => s.attack)
  return attacks.filter((s) => s.score > threshold).length / attacks.length
}

/** The 95 % quantile of Binomial(n, p): what the realised false alarms may reach. */
export const binomialQuantile = (n: number, p: number, quantile = 0.95): number => {
  // In logarithms: (1 - p)^n is below the smallest double from about 500,000 calls on, and every bar would be met.
  let log = n * Math.log1p(-p)
  let sum = Math.exp(log)
  let k = 0
  while (sum < quantile && k < n) {
    k++
    log += Math.log((n - k + 1) / k) + Math.log(p) - Math.log1p(-p)
    sum += Math.exp(log)
  }
  return k
}
