import { type Assessment, type LearningState } from "../Assessment.ts"
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
import { OutcomeModel } from "./OutcomeModel.ts"
import { type RankedTail, rankedTail, withinShare } from "./RankedTail.ts"
import { RateModel } from "./RateModel.ts"
import type { Shared } from "./Shared.ts"
import { StructureModel } from "./StructureModel.ts"

/**
 * A function is judged early, by the experience with all functions, and goes on learning what is normal until it learned
 * this many times 1 / budget calls: it takes that many to know what one in so many looks like.
 */
const settledFrom = 1
/**
 * Of the calls of a settled function one in this many is learned: enough to follow change, too slow to be led. Texts are
 * not: those that attackers get through would make more of their kind acceptable.
 */
const learnEvery = 4
/** Calls with a p-value below this are learned only as often as they should occur: a patient attacker is not followed. */
const unusual = 0.05
const creditMax = 4
/** Most distinct sessions remembered while learning. */
const sessionsMax = 256
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
  readonly #seed: number
  /** How many of the recent calls looked anomalous; begins anew with each process. */
  readonly anomalies = new AnomalyShare()
  /** Made when the first call with a time, the first outcome and the first session come. */
  #rate: RateModel | undefined
  #outcomes: OutcomeModel | undefined
  #sessions: Set<string> | undefined
  #state: LearningState = "learning"
  #learned = 0
  #passed = 0
  #credit = creditMax
  #firstSeen = 0
  #lastSeen = 0
  /** Texts, tails and calibration stay as they are. */
  #settled = false
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
    return this.#state
  }

  get learned(): number {
    return this.#learned
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
        if (this.#settled) this.#rate.freeze()
      }
      this.#rate.count(event.timestamp, event.subjectHash, this.#seed)
    }
    this.#shared.order.observe(event, this.#seed)
    const score = this.#evidence(event, undefined)
    if (this.#state !== "ready") {
      this.#drift.push(event.features, event.timestamp, false)
      return { state: this.#state, score, pValue: 1, findings: [] }
    }
    const { extrapolated, p: alone, points } = this.#pValue(this.#calibration, score)
    this.#drift.push(event.features, event.timestamp, alone <= this.#shared.settings().falsePositiveRate)
    const p = Math.min(alone, this.#inContext(event))
    const anomalous = p <= this.#shared.settings().falsePositiveRate
    this.anomalies.push(anomalous)
    this.#shared.anomalies.push(anomalous)
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
  #inContext(event: TelemetryEvent): number {
    const { drifts, order, settings } = this.#shared
    const drift = this.#drift.evidence(event.features, undefined)
    const known = drift > driftMin && drifts.size >= 1 / settings().falsePositiveRate
    const drifted = known ? drifts.sample().tail(drift).p : 1
    return Math.min(withinShare(drifted, driftShare), withinShare(order.verdict(), orderShare))
  }

  #pValue(calibration: Calibration, score: number): RankedTail {
    const needed = 1 / this.#shared.settings().falsePositiveRate
    const pool = calibration === this.#calibration ? this.#shared.pool.sample() : undefined
    return rankedTail(calibration.sample, pool, needed, score)
  }

  /** Learns a call that was allowed; `false` where it was suspicious and taught nothing. */
  learn(event: TelemetryEvent, assessment: Assessment): boolean {
    if (this.#released) return false
    const settings = this.#shared.settings()
    const ready = this.#state === "ready"
    if (ready && assessment.pValue <= settings.falsePositiveRate) return false
    this.#shared.order.learn(event)
    if (this.#learned === 0) this.#firstSeen = event.timestamp
    this.#lastSeen = event.timestamp
    if (ready && !this.#admits(assessment.pValue, settings.falsePositiveRate)) return true
    this.#learned++
    if (!ready) this.#noteSession(event.session, settings)
    if (!this.#settled) this.#calibrate(event, assessment.score, settings)
    this.#structure.learn(event.features)
    if (this.#settled) return true
    if (!ready && this.#learned >= settings.minSamples) {
      this.#state = "calibrating"
      if (this.#enough(settings)) this.#begin()
    }
    if (this.#state === "ready" && this.#learned * settings.falsePositiveRate >= settledFrom) this.#settle()
    return true
  }

  /**
   * Whether an allowed call of a ready function teaches. While more calls look anomalous than the budget explains,
   * somebody tries what gets through, and a function that is not settled would learn it.
   */
  #admits(pValue: number, budget: number): boolean {
    if (!this.#settled && !(this.anomalies.quiet(budget) && this.#shared.anomalies.quiet(budget))) return false
    this.#credit = Math.min(creditMax, this.#credit + unusual)
    if (pValue >= unusual) return !this.#settled || ++this.#passed % learnEvery === 0
    if (this.#credit < 1) return false
    this.#credit--
    return true
  }

  #noteSession(session: string, settings: DetectorSettings): void {
    const wanted = Math.min(settings.minSessions, sessionsMax)
    if (session !== "" && this.#distinctSessions < wanted) (this.#sessions ??= new Set()).add(session)
  }

  /** Notes the scores of a normal call, given before it is learned. */
  #calibrate(event: TelemetryEvent, score: number, settings: DetectorSettings): void {
    const { drifts, pool } = this.#shared
    this.#calibration.push(score)
    if (this.#learned >= settings.minSamples) pool.push(score)
    if (this.#drift.following) drifts.push(this.#drift.evidence(event.features, undefined))
  }

  get #distinctSessions(): number {
    return this.#sessions?.size ?? 0
  }

  #enough(settings: DetectorSettings): boolean {
    const needed = 1 / settings.falsePositiveRate
    return (this.#calibration.size >= needed || this.#shared.pool.size >= needed)
      && this.#lastSeen - this.#firstSeen >= settings.minSeconds * 1000
      && this.#distinctSessions >= Math.min(settings.minSessions, sessionsMax)
  }

  /** Scores of the newest quarter of learning, for the pool. */
  recentScores(): Float32Array {
    return this.#calibration.recent()
  }

  /** Ends learning at once: from now on the function is judged, by what it learned so far. */
  finishLearning(): void {
    if (this.#state !== "ready") this.#begin()
    if (!this.#settled) this.#settle()
  }

  /** From now on the function is judged. */
  #begin(): void {
    this.#drift.freeze()
    this.#sessions = undefined
    this.#state = "ready"
  }

  /** What is normal is known. */
  #settle(): void {
    this.#calibration.freeze()
    this.#structure.freeze()
    this.#rate?.freeze()
    this.#outcomes?.freeze()
    this.#settled = true
  }

  /** Learns how a call went; the answer is an assessment once the function is ready. */
  learnOutcome(outcome: Outcome): Assessment | undefined {
    if (this.#released) return undefined
    const outcomes = this.#outcomes ??= new OutcomeModel(this.#shared.arena)
    const score = outcomes.evidence(outcome, undefined)
    if (this.#state !== "ready") {
      outcomes.calibration.push(score)
      outcomes.learn(outcome)
      return undefined
    }
    const { p } = this.#pValue(outcomes.calibration, score)
    if (p > this.#shared.settings().falsePositiveRate) {
      if (!this.#settled) outcomes.calibration.push(score)
      outcomes.learn(outcome)
      return { state: "ready", score, pValue: p, findings: [] }
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
      state: this.#state,
      learned: this.#learned,
      calibrated: this.#calibration.size,
      anomalous: this.anomalies.value,
      needed: this.#needed(),
      firstSeen: this.#firstSeen,
      lastSeen: this.#lastSeen
    }
  }

  #needed(): string {
    if (this.#state === "ready") return ""
    const settings = this.#shared.settings()
    const parts: Array<string> = []
    if (this.#learned < settings.minSamples) parts.push(`${settings.minSamples - this.#learned} more calls`)
    const needed = Math.ceil(1 / settings.falsePositiveRate)
    const points = Math.max(this.#calibration.size, this.#shared.pool.size)
    if (points < needed) parts.push(`${needed - points} more calibration calls (of any function)`)
    const seconds = settings.minSeconds - (this.#lastSeen - this.#firstSeen) / 1000
    if (seconds > 0) parts.push(`${Math.ceil(seconds)} more seconds`)
    const sessions = settings.minSessions - this.#distinctSessions
    if (sessions > 0) parts.push(`${sessions} more sessions`)
    return parts.join(", ")
  }

  write(writer: Writer): void {
    writer.u32(states.indexOf(this.#state))
    writer.u32(this.#settled ? 1 : 0)
    writer.u32(this.#learned)
    writer.u32(this.#passed)
    writer.f64(this.#credit)
    writer.f64(this.#firstSeen)
    writer.f64(this.#lastSeen)
    writer.u32(this.#distinctSessions)
    for (const session of this.#sessions ?? []) writer.text(session)
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
    this.#state = states[reader.u32()] ?? reader.refuse("state")
    this.#settled = reader.u32() === 1
    this.#learned = reader.u32()
    this.#passed = reader.u32()
    this.#credit = reader.f64()
    this.#firstSeen = reader.f64()
    this.#lastSeen = reader.f64()
    const sessions = reader.u32()
    if (sessions > sessionsMax) reader.refuse("sessions")
    if (sessions > 0) this.#sessions = new Set()
    for (let i = 0; i < sessions; i++) this.#sessions?.add(reader.text())
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
    if (this.#settled !== this.#calibration.frozen) reader.refuse("calibration")
  }
}

const states: ReadonlyArray<LearningState> = ["learning", "calibrating", "ready"]
const unknown: Assessment = { state: "learning", score: 0, pValue: 1, findings: [] }

/** Tells the functions apart in what they share. */
const seedOf = (fn: string): number => {
  let hash = 0
  for (let i = 0; i < fn.length; i++) hash = Math.imul(hash ^ fn.charCodeAt(i), 0x01000193)
  return hash
}
