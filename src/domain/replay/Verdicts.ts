import type { Finding } from "../Decision.ts"
import * as Metrics from "./Metrics.ts"

/**
 * What became of a line. `alert`: its calls ran, and what they did afterwards (duration, failure) was judged anomalous
 * and recorded; a block would have come too late.
 */
export type LineAction = "allow" | "block" | "alert"

/** The verdict on one test line, at its worst moment. */
export interface LineVerdict {
  readonly file: string
  /** Number of the line in its file, from 1. */
  readonly line: number
  readonly attack: boolean | undefined
  readonly kind: string | undefined
  /** Suspicion in decades. */
  readonly score: number
  readonly action: LineAction
  /** Calls of the line, and how many of them were blocked or alerted: a session has many, and the budget is per call. */
  readonly calls: number
  readonly flaggedCalls: number
  /** The function, the p-value and the reasons of the worst moment. */
  readonly fn: string
  readonly pValue: number
  readonly findings: ReadonlyArray<Finding>
  /** The beginning of the line as it stands in the file. */
  readonly text: string
}

/** Most kinds told apart; the rest is counted as one. A trace with more has put something else into `k`. */
export const kindsMax = 256
const otherKinds = "(other kinds)"

/** Most false alarms that a report explains. */
export const worstMax = 20

/** True-positive rates by false-positive rate. */
export interface TprTable {
  readonly "0.01": number | null
  readonly "0.001": number | null
}

/** Figures of one kind. Ranking figures compare its attacks with all normal lines; `null` for a kind without attacks. */
export interface KindReport {
  readonly lines: number
  readonly attacks: number
  readonly blocked: number
  readonly alerted: number
  readonly auroc: number | null
  readonly tpr: TprTable
}

/** Figures of all test lines. */
export interface DetectionReport {
  readonly lines: number
  readonly attacks: number
  readonly normal: number
  readonly unlabelled: number
  readonly blocked: number
  readonly alerted: number
  readonly auroc: number | null
  readonly tpr: TprTable
  /**
   * At `brain.false_positive_rate`: the shares of normal lines, of the calls of normal lines (which the budget is for) and
   * of attacks that were blocked or alerted.
   */
  readonly threshold: {
    readonly nominalFpr: number
    readonly realisedFpr: number | null
    readonly realisedFprPerCall: number | null
    readonly tpr: number | null
  }
  readonly byKind: Readonly<Record<string, KindReport>>
}

/** Numbers that grow without a box each: a trace may have millions of lines. */
class Scores {
  #values = new Float64Array(1_024)
  #size = 0

  add(value: number): void {
    if (this.#size === this.#values.length) {
      const larger = new Float64Array(this.#size * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#size++] = value
  }

  sorted(): Float64Array {
    return this.#values.slice(0, this.#size).sort()
  }
}

class Kind {
  readonly attackScores = new Scores()
  lines = 0
  attacks = 0
  blocked = 0
  alerted = 0
}

const share = (part: number, whole: number): number | null => whole === 0 ? null : part / whole

const tprTable = (normal: Float64Array, attack: Float64Array): TprTable => ({
  "0.01": Metrics.tprAt(normal, attack, 0.01),
  "0.001": Metrics.tprAt(normal, attack, 0.001)
})

/** Collects verdicts on test lines: a number each, and the worst false alarms in full. */
export class Verdicts {
  readonly #normal = new Scores()
  readonly #attack = new Scores()
  readonly #kinds = new Map<string, Kind>()
  #worst: Array<LineVerdict> = []
  #lines = 0
  #attacks = 0
  #normals = 0
  #blocked = 0
  #alerted = 0
  #caught = 0
  #falseAlarms = 0
  #normalCalls = 0
  #falseAlarmCalls = 0

  add(verdict: LineVerdict): void {
    const { action, attack, score } = verdict
    const flagged = action === "allow" ? 0 : 1
    this.#lines++
    if (action === "block") this.#blocked++
    if (action === "alert") this.#alerted++
    if (attack === true) {
      this.#attacks++
      this.#caught += flagged
      this.#attack.add(score)
    } else if (attack === false) {
      this.#normals++
      this.#falseAlarms += flagged
      this.#normalCalls += verdict.calls
      this.#falseAlarmCalls += verdict.flaggedCalls
      this.#normal.add(score)
      this.#keepWorst(verdict)
    }
    this.#addKind(verdict)
  }

  #addKind({ action, attack, kind, score }: LineVerdict): void {
    const name = kind ?? (attack === undefined ? "unlabelled" : attack ? "attack" : "normal")
    const key = this.#kinds.has(name) || this.#kinds.size < kindsMax ? name : otherKinds
    let entry = this.#kinds.get(key)
    if (entry === undefined) this.#kinds.set(key, entry = new Kind())
    entry.lines++
    if (action === "block") entry.blocked++
    if (action === "alert") entry.alerted++
    if (attack === true) {
      entry.attacks++
      entry.attackScores.add(score)
    }
  }

  #keepWorst(verdict: LineVerdict): void {
    if (verdict.findings.length === 0) return
    const last = this.#worst.at(-1)
    if (this.#worst.length >= worstMax && last !== undefined && last.score >= verdict.score) return
    this.#worst = [...this.#worst, verdict].toSorted((a, b) => b.score - a.score).slice(0, worstMax)
  }

  /** The normal lines that looked most like attacks, worst first; only those that the detector can explain. */
  get worst(): ReadonlyArray<LineVerdict> {
    return this.#worst
  }

  /** Scores of the normal and of the attack lines, ascending. */
  scores(): { readonly normal: Float64Array; readonly attack: Float64Array } {
    return { normal: this.#normal.sorted(), attack: this.#attack.sorted() }
  }

  report(nominalFpr: number): DetectionReport {
    const { attack, normal } = this.scores()
    const kinds = Array.from(this.#kinds, ([name, kind]): readonly [string, KindReport] => {
      const scores = kind.attackScores.sorted()
      const { alerted, attacks, blocked, lines } = kind
      const figures = { auroc: Metrics.auroc(normal, scores), tpr: tprTable(normal, scores) }
      return [name, { lines, attacks, blocked, alerted, ...figures }]
    })
    return {
      lines: this.#lines,
      attacks: this.#attacks,
      normal: this.#normals,
      unlabelled: this.#lines - this.#attacks - this.#normals,
      blocked: this.#blocked,
      alerted: this.#alerted,
      auroc: Metrics.auroc(normal, attack),
      tpr: tprTable(normal, attack),
      threshold: {
        nominalFpr,
        realisedFpr: share(this.#falseAlarms, this.#normals),
        realisedFprPerCall: share(this.#falseAlarmCalls, this.#normalCalls),
        tpr: share(this.#caught, this.#attacks)
      },
      byKind: Object.fromEntries(kinds.toSorted(([a], [b]) => a < b ? -1 : 1))
    }
  }
}
