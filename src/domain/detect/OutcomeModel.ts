import type { Outcome } from "../Outcome.ts"
import { type Arena, type Block, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { Calibration } from "./Calibration.ts"
import { endEvidence, endWords, pushEnd } from "./Extremes.ts"
import {
  failureEvidence,
  failureRun,
  failureWords,
  learnFailures,
  noteOutcome,
  recentFailures,
  usualFailures
} from "./FailureShare.ts"
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

/** The record: the ends of both scales of durations, then what is known of the share of failures. */
const failures = 2 * endWords

/**
 * How calls end, how many of them fail and how long they take. Durations have two scales: the logarithm, whose tail finds a call that is many
 * times slower, and the excess in milliseconds, because on calls of 2 ms a relative tail drowns a delay of 2 s in noise.
 */
export class OutcomeModel {
  readonly #arena: Arena
  /** Scores of normal outcomes. */
  readonly calibration: Calibration
  readonly #block: Block
  #tags: Map<string, number> | undefined
  #successes = 0
  #count = 0
  #measured = 0
  #frozen = false

  constructor(arena: Arena) {
    this.#arena = arena
    this.calibration = new Calibration(arena)
    this.#block = arena.allocate(failures + failureWords)
  }

  get bytes(): number {
    return 300 + (this.#tags === undefined ? 0 : 200 + this.#tags.size * 64) + this.calibration.bytes
  }

  #seen(key: string): number {
    return key === "success" ? this.#successes : this.#tags?.get(key) ?? 0
  }

  /** Notes how a call went, whatever becomes of it: before its evidence is asked for. */
  observe(outcome: Outcome): void {
    noteOutcome(this.#block, this.#block.at + failures, outcome.kind !== "success")
  }

  /** Learns the outcome that was observed last; `judged` says that the function is no longer only learned. */
  learn(outcome: Outcome, judged: boolean): void {
    this.#count++
    const key = keyOf(outcome)
    if (key === "success") {
      this.#successes++
    } else {
      const tags = this.#tags ??= new Map<string, number>()
      if (tags.size < tagsMax || tags.has(key)) tags.set(key, (tags.get(key) ?? 0) + 1)
    }
    if (this.#frozen) return
    const { at, floats } = this.#block
    pushEnd(floats, at, this.#measured, Math.log1p(outcome.durationMs))
    pushEnd(floats, at + endWords, this.#measured, outcome.durationMs)
    this.#measured++
    learnFailures(this.#block, at + failures, judged)
  }

  freeze(): void {
    this.#frozen = true
    this.calibration.freeze()
  }

  /** Decades of evidence in an outcome. */
  evidence(outcome: Outcome, findings: Findings | undefined): number {
    if (this.#count === 0) return 0
    const key = keyOf(outcome)
    const seen = this.#seen(key)
    const tag = outcome.kind === "success" ? 0 : Math.log10((this.#count + 1) / (seen + unseen))
    findings?.add("outcome", "", tag, `seen in ${seen} of ${this.#count} learned calls`, key)
    const failing = outcome.kind === "success" ? 0 : this.#failing(findings)
    const { at, floats } = this.#block
    const usual = this.#measured === 0 ? 0 : floats[at + endWords]!
    const ms = outcome.durationMs
    const relative = endEvidence(floats, at, this.#measured, Math.log1p(ms), relativeScaleMin)
    const absolute = endEvidence(floats, at + endWords, this.#measured, ms - excessMs, absoluteScaleMin)
    const duration = ms > usual ? Math.max(relative, absolute) : relative
    findings?.add(
      "duration",
      "",
      duration,
      `up to ${Number(usual.toPrecision(3))} ms`,
      `${Number(ms.toPrecision(3))} ms`
    )
    return Math.max(tag, failing, duration)
  }

  /** Decades of evidence in how many of the last calls failed. */
  #failing(findings: Findings | undefined): number {
    const at = this.#block.at + failures
    const evidence = failureEvidence(this.#block, at)
    findings?.add(
      "outcome",
      "",
      evidence,
      `up to ${usualFailures(this.#block, at)} of ${failureRun} calls fail`,
      `${recentFailures(this.#block, at)} of the last ${failureRun} calls failed`
    )
    return evidence
  }

  /** Gives the memory back. */
  release(): void {
    this.#arena.free(this.#block)
    this.calibration.release()
  }

  write(writer: Writer): void {
    for (const value of [this.#count, this.#successes, this.#measured, this.#frozen ? 1 : 0]) writer.u32(value)
    writer.u32(this.#tags?.size ?? 0)
    for (const [tag, count] of this.#tags ?? []) {
      writer.text(tag)
      writer.u32(count)
    }
    writeBlock(writer, this.#block)
    this.calibration.write(writer)
  }

  read(reader: Reader): void {
    this.#count = reader.u32()
    this.#successes = reader.u32()
    this.#measured = reader.u32()
    this.#frozen = reader.u32() === 1
    const tags = reader.u32()
    if (tags > tagsMax) reader.refuse("outcome tags")
    if (tags > 0) this.#tags = new Map()
    for (let i = 0; i < tags; i++) this.#tags?.set(reader.text(), reader.u32())
    const ends = reader.words()
    if (ends.length !== this.#block.size) reader.refuse("outcomes")
    this.#block.words.set(ends, this.#block.at)
    this.calibration.read(reader)
  }
}

const keyOf = (outcome: Outcome): string => outcome.tag === "" ? outcome.kind : `${outcome.kind} ${outcome.tag}`
