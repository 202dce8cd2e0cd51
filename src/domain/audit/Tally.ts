/**
 * Counts by name, in bounded memory: names come from the application and may be attacker-controlled. What comes after
 * `namesMax` different names is counted together under `otherNames`.
 */
export class Tally {
  readonly #namesMax: number
  readonly #counts = new Map<string, number>()
  #total = 0

  constructor(namesMax: number) {
    this.#namesMax = namesMax
  }

  /** Sum of all counts. */
  get total(): number {
    return this.#total
  }

  add(name: string, count = 1): void {
    const before = this.#counts.get(name)
    const key = before === undefined && this.#counts.size >= this.#namesMax ? otherNames : name
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count)
    this.#total += count
  }

  /** All counts, which start anew. */
  take(): ReadonlyArray<readonly [name: string, count: number]> {
    const counts = [...this.#counts]
    this.#counts.clear()
    this.#total = 0
    return counts
  }
}

/** The name under which counts beyond the limit are kept. */
export const otherNames = "(others)"
