import type { Assessment, LearningState } from "../Assessment.ts"
import type { BaselineProfile } from "../BaselineProfile.ts"
import type { Outcome } from "../Outcome.ts"
import type { TelemetryEvent } from "../TelemetryEvent.ts"
import { AnomalyShare } from "./AnomalyShare.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { Calibration } from "./Calibration.ts"
import { CountTable } from "./CountTable.ts"
import { type DetectorSettings, driftShare, orderShare } from "./DetectorSettings.ts"
import { DriftModel } from "./DriftModel.ts"
import { Findings } from "./Findings.ts"
import { LearningProgress } from "./LearningProgress.ts"
import { OutcomeModel } from "./OutcomeModel.ts"
import { rankedTail, withinShare } from "./RankedTail.ts"
import { RateModel } from "./RateModel.ts"
import type { Shared } from "./Shared.ts"
import { StructureModel } from "./StructureModel.ts"

/** Calls above this p-value carry no explanation. */
const explainBelow = 0.01
/** Decades of drift below which nothing is looked up: they are everyday. */
const driftMin = 1

/**
 * Everything learned about one function, and the verdict on its next call.
 *
 * Scores are decades of evidence (the most surprising part of the call); the p-value is their rank among the scores that
 * normal calls had in the newest quarter of learning. While learning, each call is scored by what was learned before it,
 * so calibration costs no held-back data.
 */
export class FunctionModel {
  readonly fn: string
  readonly #shared: Shared
  readonly #table: CountTable
  readonly #structure: StructureModel
  readonly #calibration: Calibration
  readonly #drift: DriftModel
  readonly #progress = new LearningProgress()
  readonly #seed: number
  /** How many of the recent calls looked anomalous; begins anew with each process. */
  readonly anomalies = new AnomalyShare()
  /** Made when the first call with a time and the first outcome come. */
  #rate: RateModel | undefined
  #outcomes: OutcomeModel | undefined
  #released = false

  constructor(fn: string, shared: Shared) {
    this.fn = fn
    this.#shared = shared
    this.#seed = seedOf(fn)
    this.#table = new CountTable(shared.arena, shared.entriesMax)
    this.#structure = new StructureModel(shared.arena, this.#table)
    this.#calibration = new Calibration(shared.arena)
    this.#drift = new DriftModel(shared.arena)
  }

  get state(): LearningState {
    return this.#progress.state
  }

  get learned(): number {
    return this.#progress.learned
  }

  /** Approximate bytes held. */
  get bytes(): number {
    return 512 + this.#table.bytes + this.#structure.bytes + this.#calibration.bytes
      + this.#drift.bytes + (this.#rate?.bytes ?? 0) + (this.#outcomes?.bytes ?? 0)
  }

  /** Scores a call, and counts it for the rate: every call counts once, whatever becomes of it. */
  assess(event: TelemetryEvent): Assessment {
    if (this.#released) return unknown
    if (event.timestamp > 0) {
      if (this.#rate === undefined) {
        this.#rate = new RateModel(this.#shared.arena, this.#shared.subjects)
        if (this.#progress.settled) this.#rate.freeze()
      }
      this.#rate.count(event.timestamp, event.subjectHash, this.#seed)
    }
    this.#shared.order.observe(event, this.#seed)
    const score = this.#evidence(event, undefined)
    if (this.#progress.state !== "ready") {
      this.#drift.push(event.features, event.timestamp, false)
      return { state: this.#progress.state, score, pValue: 1, findings: [] }
    }
    const budget = this.#shared.settings().falsePositiveRate
    const pool = this.#shared.pool.sample()
    const { extrapolated, p: alone, points } = rankedTail(this.#calibration.sample, pool, 1 / budget, score)
    this.#drift.push(event.features, event.timestamp, alone <= budget)
    const p = Math.min(alone, this.#inContext(event, budget))
    this.anomalies.push(p <= budget)
    this.#shared.anomalies.push(p <= budget)
    if (p > explainBelow) return { state: "ready", score, pValue: p, findings: [] }
    const findings = new Findings()
    this.#evidence(event, findings)
    this.#drift.evidence(event.features, findings)
    this.#shared.order.explain(findings)
    const list = findings.list()
    const first = list[0]
    if (!extrapolated || first === undefined) return { state: "ready", score, pValue: p, findings: list }
    const note = `${first.expected} (p-value extrapolated beyond ${points} calibration calls)`.slice(0, 256)
    return { state: "ready", score, pValue: p, findings: [{ ...first, expected: note }, ...list.slice(1)] }
  }

  #evidence(event: TelemetryEvent, findings: Findings | undefined): number {
    const content = this.#structure.evidence(event.features, findings, this.#drift)
    const rate = this.#rate?.evidence(event.timestamp, findings) ?? 0
    return content > rate ? content : rate
  }

  /** The p-value of a call among the calls before it: of its numbers, and of the order of its session. */
  #inContext(event: TelemetryEvent, budget: number): number {
    const { drifts, order } = this.#shared
    const drift = this.#drift.evidence(event.features, undefined)
    const known = drift > driftMin && drifts.size >= 1 / budget
    const drifted = known ? drifts.sample().tail(drift).p : 1
    return Math.min(withinShare(drifted, driftShare), withinShare(order.verdict(), orderShare))
  }

  /** Learns a call that was allowed; `false` where it was suspicious and taught nothing. */
  learn(event: TelemetryEvent, assessment: Assessment): boolean {
    if (this.#released) return false
    const settings = this.#shared.settings()
    const budget = settings.falsePositiveRate
    const progress = this.#progress
    const ready = progress.state === "ready"
    if (ready && assessment.pValue <= budget) return false
    this.#shared.order.learn(event)
    progress.see(event.timestamp)
    if (ready && !progress.admits(assessment.pValue, this.#isQuiet(budget))) return true
    progress.count(event.session, settings)
    if (!progress.settled) this.#calibrate(event, assessment.score, settings)
    this.#structure.learn(event.features)
    if (progress.settled) return true
    if (progress.canBegin(settings, this.#points)) this.#begin()
    if (progress.canSettle(budget)) this.#settle()
    return true
  }

  /** Whether no more calls look anomalous, of this function and of all, than the budget explains. */
  #isQuiet(budget: number): boolean {
    return this.anomalies.quiet(budget) && this.#shared.anomalies.quiet(budget)
  }

  /** Notes the scores of a normal call, given before it is learned. */
  #calibrate(event: TelemetryEvent, score: number, settings: DetectorSettings): void {
    const { drifts, pool } = this.#shared
    this.#calibration.push(score)
    if (this.#progress.learned >= settings.minSamples) pool.push(score)
    if (this.#drift.following) drifts.push(this.#drift.evidence(event.features, undefined))
  }

  /** Calibration points, its own or of all functions. */
  get #points(): number {
    return Math.max(this.#calibration.size, this.#shared.pool.size)
  }

  /** Scores of the newest quarter of learning, of calls and of outcomes, for the pools. */
  recentScores(): Float32Array {
    return this.#calibration.recent()
  }

  recentOutcomes(): Float32Array {
    return this.#outcomes?.calibration.recent() ?? new Float32Array(0)
  }

  /** Ends learning at once: from now on the function is judged, by what it learned so far. */
  finishLearning(): void {
    if (this.#progress.state !== "ready") this.#begin()
    if (!this.#progress.settled) this.#settle()
  }

  /** From now on the function is judged. */
  #begin(): void {
    this.#drift.freeze()
    this.#progress.begin()
  }

  /** What is normal is known. */
  #settle(): void {
    this.#calibration.freeze()
    this.#structure.freeze()
    this.#rate?.freeze()
    this.#outcomes?.freeze()
    this.#progress.settle()
  }

  /** Learns how a call went; the answer is an assessment once the function is ready. */
  learnOutcome(outcome: Outcome): Assessment | undefined {
    if (this.#released) return undefined
    const outcomes = this.#outcomes ??= new OutcomeModel(this.#shared.arena)
    outcomes.observe(outcome)
    const score = outcomes.evidence(outcome, undefined)
    const { outcomePool, settings } = this.#shared
    const { falsePositiveRate: budget, minSamples } = settings()
    const ready = this.#progress.state === "ready"
    // A pool that does not know what one outcome in 1 / budget looks like either would only be lenient.
    const pool = outcomePool.size * budget >= 1 ? outcomePool.sample() : undefined
    const p = ready ? rankedTail(outcomes.calibration.sample, pool, 1 / budget, score).p : 1
    if (p > budget) {
      if (!this.#progress.settled) {
        outcomes.calibration.push(score)
        if (this.#progress.learned >= minSamples) outcomePool.push(score)
      }
      outcomes.learn(outcome, ready)
      return ready ? { state: "ready", score, pValue: p, findings: [] } : undefined
    }
    const findings = new Findings()
    outcomes.evidence(outcome, findings)
    return { state: "ready", score, pValue: p, findings: findings.list() }
  }

  /** Gives the memory back: the function was forgotten, and who still holds the model learns nothing from it. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#table.release()
    this.#structure.release()
    this.#calibration.release()
    this.#drift.release()
    this.#rate?.release()
    this.#outcomes?.release()
  }

  /** What an operator sees. */
  profile(): BaselineProfile {
    return {
      fn: this.fn,
      state: this.#progress.state,
      learned: this.#progress.learned,
      calibrated: this.#calibration.size,
      anomalous: this.anomalies.value,
      needed: this.#progress.needed(this.#shared.settings(), this.#points),
      firstSeen: this.#progress.firstSeen,
      lastSeen: this.#progress.lastSeen
    }
  }

  write(writer: Writer): void {
    this.#progress.write(writer)
    this.#table.write(writer)
    this.#structure.write(writer)
    this.#calibration.write(writer)
    this.#drift.write(writer)
    writer.u32(this.#rate === undefined ? 0 : 1)
    this.#rate?.write(writer)
    writer.u32(this.#outcomes === undefined ? 0 : 1)
    this.#outcomes?.write(writer)
  }

  read(reader: Reader): void {
    this.#progress.read(reader)
    this.#table.read(reader)
    this.#structure.read(reader)
    this.#calibration.read(reader)
    this.#drift.read(reader)
    if (reader.u32() === 1) {
      this.#rate = new RateModel(this.#shared.arena, this.#shared.subjects)
      this.#rate.read(reader)
    }
    if (reader.u32() === 1) {
      this.#outcomes = new OutcomeModel(this.#shared.arena)
      this.#outcomes.read(reader)
    }
    if (this.#progress.settled !== this.#calibration.frozen) reader.refuse("calibration")
  }
}

const unknown: Assessment = { state: "learning", score: 0, pValue: 1, findings: [] }

/** Tells the functions apart in what they share. */
const seedOf = (fn: string): number => {
  let hash = 0
  for (let i = 0; i < fn.length; i++) hash = Math.imul(hash ^ fn.charCodeAt(i), 0x01000193)
  return hash
}
