import type { Outcome } from "../Outcome.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { Extremes } from "./Extremes.ts"
import type { Findings } from "./Findings.ts"

/** Most failure tags kept per function. */
const tagsMax = 64
/** What a tag never seen counts as while it is compared: half a call. */
const unseen = 0.5
/** A call may take this much longer than the slowest normal one (ms) before time alone says anything: timers and garbage. */
const excessMs = 250
/** Smallest excess that counts: on the log scale, and in ms. */
const relativeScaleMin = 0.2
const absoluteScaleMin = 20

/**
 * How calls end and how long they take. Durations have two scales: the logarithm, whose tail finds a call that is many
 * times slower, and the excess in milliseconds, because on calls of 2 ms a relative tail drowns a delay of 2 s in noise.
 */
export class OutcomeModel {
  readonly #tags = new Map<string, number>()
  readonly #relative = new Extremes()
  readonly #absolute = new Extremes()
  #count = 0

  get bytes(): number {
    return 400 + this.#tags.size * 64
  }

  learn(outcome: Outcome): void {
    this.#count++
    const key = keyOf(outcome)
    if (this.#tags.size < tagsMax || this.#tags.has(key)) this.#tags.set(key, (this.#tags.get(key) ?? 0) + 1)
    this.#relative.push(Math.log1p(outcome.durationMs))
    this.#absolute.push(outcome.durationMs)
  }

  freeze(): void {
    this.#relative.freeze()
    this.#absolute.freeze()
  }

  /** Decades of evidence in an outcome. */
  evidence(outcome: Outcome, findings: Findings | undefined): number {
    if (this.#count === 0) return 0
    const key = keyOf(outcome)
    const seen = this.#tags.get(key) ?? 0
    const tag = outcome.kind === "success" ? 0 : Math.log10((this.#count + 1) / (seen + unseen))
    findings?.add("outcome", "", tag, `seen in ${seen} of ${this.#count} learned calls`, key)
    const usual = this.#absolute.largest
    const relative = this.#relative.above(Math.log1p(outcome.durationMs), relativeScaleMin)
    const absolute = this.#absolute.above(outcome.durationMs - excessMs, absoluteScaleMin)
    const duration = outcome.durationMs > usual ? Math.max(relative, absolute) : relative
    const shown = `${Number(outcome.durationMs.toPrecision(3))} ms`
    findings?.add("duration", "", duration, `up to ${Number(usual.toPrecision(3))} ms`, shown)
    return Math.max(tag, duration)
  }

  write(writer: Writer): void {
    writer.u32(this.#count)
    writer.u32(this.#tags.size)
    for (const [tag, count] of this.#tags) {
      writer.text(tag)
      writer.u32(count)
    }
    this.#relative.write(writer)
    this.#absolute.write(writer)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    const tags = reader.u32()
    if (tags > tagsMax) reader.refuse("outcome tags")
    this.#tags.clear()
    for (let i = 0; i < tags; i++) this.#tags.set(reader.text(), reader.u32())
    this.#relative.read(reader)
    this.#absolute.read(reader)
  }
}

const keyOf = (outcome: Outcome): string => outcome.tag === "" ? outcome.kind : `${outcome.kind} ${outcome.tag}`
