import { attackKinds, type Kind } from "./DemoData.ts"
import type { Operation } from "./ShopTraffic.ts"

/** How a request ended, as its client saw it. */
export type Ending = "ran" | "blocked" | "unavailable" | "broken"

/** One answered request. `ms` is what the client waited. */
export interface Answer {
  readonly operation: Operation
  readonly kind: Kind
  readonly session: string
  readonly ending: Ending
  /** The id of the decision that refused the call; empty where it ran. */
  readonly decisionId: string
  readonly ms: number
}

/** A share in words, for reports: `1195 of 1200 (99.58 %)`. */
export const shareText = (part: number, whole: number): string =>
  `${part} of ${whole} (${whole === 0 ? "0.00" : (part / whole * 100).toFixed(2)} %)`

/** Answers of one stage and what they add up to. */
export class Tally {
  readonly answers: Array<Answer> = []

  /** How many answers fulfil a condition. */
  count(condition: (answer: Answer) => boolean): number {
    let n = 0
    for (const answer of this.answers) if (condition(answer)) n++
    return n
  }

  get attacks(): number {
    return this.count((answer) => answer.kind !== "norm")
  }
  get attacksBlocked(): number {
    return this.count((answer) => answer.kind !== "norm" && answer.ending === "blocked")
  }
  get normal(): number {
    return this.count((answer) => answer.kind === "norm")
  }
  get normalBlocked(): number {
    return this.count((answer) => answer.kind === "norm" && answer.ending === "blocked")
  }
  get blocked(): number {
    return this.count((answer) => answer.ending === "blocked")
  }
  get broken(): number {
    return this.count((answer) => answer.ending === "broken")
  }
  /** Attacks blocked of all attacks; 0 where there were none, so that an empty stage cannot look perfect. */
  get detectionRate(): number {
    return this.attacks === 0 ? 0 : this.attacksBlocked / this.attacks
  }
  /** Normal calls blocked of all normal calls; 1 where there were none. */
  get falsePositiveRate(): number {
    return this.normal === 0 ? 1 : this.normalBlocked / this.normal
  }
  /** Blocked and all attacks by kind. */
  byKind(): ReadonlyArray<{ readonly kind: Kind; readonly blocked: number; readonly all: number }> {
    return attackKinds.map((kind) => ({
      kind,
      blocked: this.count((answer) => answer.kind === kind && answer.ending === "blocked"),
      all: this.count((answer) => answer.kind === kind)
    }))
  }
  /** What half of the clients waited at most, in milliseconds. */
  get medianMs(): number {
    const sorted = this.answers.map((answer) => answer.ms).toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? 0
  }
}
