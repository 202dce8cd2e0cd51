/**
 * What effect-pic itself uses: the bytes that its bounded structures report, and the time that its synchronous steps took.
 *
 * A process cannot tell whose heap it is, so each part that may grow says how large it is.
 */
export class OwnUsage {
  readonly #parts = new Set<() => number>()
  #busyMs = 0

  /** Adds a part that says its size in bytes; the answer removes it. */
  registerUnsafe(bytes: () => number): () => void {
    this.#parts.add(bytes)
    return () => {
      this.#parts.delete(bytes)
    }
  }

  /** Bytes of all parts. */
  bytesUnsafe(): number {
    let sum = 0
    for (const part of this.#parts) sum += part()
    return sum
  }

  /** Adds synchronous time of ours, in ms. */
  busyUnsafe(ms: number): void {
    if (ms > 0) this.#busyMs += ms
  }

  /** All synchronous time of ours so far, in ms. */
  get busyMs(): number {
    return this.#busyMs
  }
}
