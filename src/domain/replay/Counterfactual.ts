import type { Finding } from "../Decision.ts"
import type { LineAction, LineVerdict } from "./Verdicts.ts"

/** A verdict as two policies see it. */
export interface Contrast {
  /** Where it is from: a file and line of a trace, or a decision of the trace store. */
  readonly place: string
  readonly fn: string
  readonly pValue: number
  readonly findings: ReadonlyArray<Finding>
  readonly attack: boolean | undefined
  /** What the current policy does, and what the candidate would. */
  readonly before: LineAction
  readonly after: LineAction
}

/** Most verdicts that each list of a report shows. */
export const listedMax = 100

/** A setting that the candidate changes. */
export interface SettingChange {
  readonly key: string
  readonly from: unknown
  readonly to: unknown
}

/** What would be different under a candidate policy. */
export interface CounterfactualReport {
  readonly ok: true
  readonly changes: ReadonlyArray<SettingChange>
  /** Test lines of a trace, or decisions of the trace store. */
  readonly judged: number
  readonly blockedBefore: number
  readonly blocked: number
  /** Blocked under the candidate and not now: how many, how many of them labelled normal, and the least likely first. */
  readonly newlyBlocked: number
  readonly newlyBlockedNormal: number
  readonly noLongerBlocked: number
  readonly newBlocks: ReadonlyArray<Contrast>
  readonly lostBlocks: ReadonlyArray<Contrast>
  readonly notes: ReadonlyArray<string>
}

/** The contrasts that a list keeps: those with the smallest p-values, in bounded memory. */
class Least {
  #kept: Array<Contrast> = []
  count = 0

  add(contrast: Contrast): void {
    this.count++
    this.#kept.push(contrast)
    if (this.#kept.length >= 2 * listedMax) this.#cut()
  }

  #cut(): void {
    this.#kept = this.#kept.toSorted((a, b) => a.pValue - b.pValue).slice(0, listedMax)
  }

  list(): ReadonlyArray<Contrast> {
    this.#cut()
    return this.#kept
  }
}

/** Compares the verdicts of two policies. */
export class Counterfactual {
  readonly #new = new Least()
  readonly #lost = new Least()
  #judged = 0
  #before = 0
  #after = 0
  #newNormal = 0

  add(contrast: Contrast): void {
    const before = contrast.before === "block"
    const after = contrast.after === "block"
    this.#judged++
    if (before) this.#before++
    if (after) this.#after++
    if (after && !before) {
      this.#new.add(contrast)
      if (contrast.attack === false) this.#newNormal++
    }
    if (before && !after) this.#lost.add(contrast)
  }

  report(changes: ReadonlyArray<SettingChange>, notes: ReadonlyArray<string>): CounterfactualReport {
    return {
      ok: true,
      changes,
      judged: this.#judged,
      blockedBefore: this.#before,
      blocked: this.#after,
      newlyBlocked: this.#new.count,
      newlyBlockedNormal: this.#newNormal,
      noLongerBlocked: this.#lost.count,
      newBlocks: this.#new.list(),
      lostBlocks: this.#lost.list(),
      notes
    }
  }
}

const codes: ReadonlyArray<LineAction> = ["allow", "block", "alert"]

/** The actions of one replay, a byte a line, in order. */
export class Actions {
  #bytes = new Uint8Array(1_024)
  #size = 0

  add(action: LineAction): void {
    if (this.#size === this.#bytes.length) {
      const larger = new Uint8Array(this.#size * 2)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#size++] = codes.indexOf(action)
  }

  at(index: number): LineAction {
    return codes[this.#bytes[index] ?? 0] ?? "allow"
  }
}

/** A verdict of a replay beside what the current policy did with the same line. */
export const contrastOf = (
  { action, attack, file, findings, fn, line, pValue }: LineVerdict,
  before: LineAction
): Contrast => ({ place: `${file}, line ${line}`, fn, pValue, findings, attack, before, after: action })
