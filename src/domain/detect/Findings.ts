import { type DetectorId, type Finding, findingsMax } from "../Decision.ts"

const textMax = 256
/** Evidence below which a part is not worth a line of explanation: one normal call in fifty looks like that. */
const evidenceMin = 1.7

/** Collects the reasons for a verdict while a call is scored a second time, in words. */
export class Findings {
  readonly #found: Array<Finding> = []

  /** Adds a reason, where its evidence (in decades) is worth a line. */
  add(detector: DetectorId, path: string, evidence: number, expected: string, seen: string): void {
    if (evidence < evidenceMin) return
    this.#found.push({
      detector,
      path,
      expected: expected.slice(0, textMax),
      seen: seen.slice(0, textMax),
      pValue: Math.min(1, 10 ** -evidence)
    })
  }

  /** The reasons, the most surprising first. */
  list(): ReadonlyArray<Finding> {
    return this.#found.toSorted((a, b) => a.pValue - b.pValue).slice(0, findingsMax)
  }
}

/** The words for a path of the description: `0.name` is "argument 1, name". */
export const placeName = (path: string): string => {
  const dot = path.search(/[.[]/)
  const index = dot < 0 ? path : path.slice(0, dot)
  const rest = dot < 0 ? "" : `, ${path.slice(path[dot] === "." ? dot + 1 : dot)}`
  return `argument ${Number(index) + 1}${rest}`
}
