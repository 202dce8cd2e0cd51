import { type Assessment, type LearningState } from "../Assessment.ts"
import type { BaselineProfile } from "../BaselineProfile.ts"
import type { Outcome } from "../Outcome.ts"
import type { TelemetryEvent } from "../TelemetryEvent.ts"
import { AnomalyShare } from "./AnomalyShare.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { Calibration } from "./Calibration.ts"
import { CountTable } from "./CountTable.ts"
import { contextShare, type DetectorSettings } from "./DetectorSettings.ts"
import { DriftModel } from "./DriftModel.ts"
import { Findings } from "./Findings.ts"
import { OutcomeModel } from "./OutcomeModel.ts"
import { RateModel } from "./RateModel.ts"
import type { Shared } from "./Shared.ts"
import { StructureModel } from "./StructureModel.ts"

/** Of the calls of a ready function one in this many is learned: enough to follow change, too slow to be led. */
const learnEvery = 4
/** Calls with a p-value below this are learned only as often as they should occur: a patient attacker is not followed. */
const unusual = 0.05
const creditMax = 4
/** Own calibration points from which a function's own tail has a say beside the pooled one. */
const ownMin = 16
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
        if (this.#state === "ready") this.#rate.freeze()
      }
      this.#rate.count(event.timestamp, event.subjectHash, this.#seed)
    }
    this.#shared.order.observe(event, this.#seed)
    const score = this.#evidence(event, undefined)
    if (this.#state !== "ready") {
      this.#drift.push(event.features, false)
      return { state: this.#state, score, pValue: 1, findings: [] }
    }
    const { extrapolated, p: alone, points } = this.#pValue(this.#calibration, score)
    this.#drift.push(event.features, alone <= this.#shared.settings().falsePositiveRate)
    const p = Math.min(alone, this.#inContext(event))
    this.anomalies.push(p <= this.#shared.settings().falsePositiveRate)
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
    return sidak(Math.min(drifted, order.pValue))
  }

  #pValue(calibration: Calibration, score: number): { p: number; extrapolated: boolean; points: number } {
    const own = calibration.sample
    const needed = 1 / this.#shared.settings().falsePositiveRate
    const pool = calibration === this.#calibration ? this.#shared.pool.sample() : undefined
    // A score is itself decades of evidence: whatever the ranks say, a call that nothing speaks against is no alarm.
    const floor = 10 ** (-2 * score)
    if (own === undefined || pool !== undefined && own.size < needed && pool.size > own.size) {
      const pooled = pool!.tail(score)
      const alone = own !== undefined && own.size >= ownMin ? own.tail(score) : pooled
      const wins = alone.p > pooled.p ? alone : pooled
      return {
        p: Math.max(floor, wins.p),
        extrapolated: wins.extrapolated,
        points: wins === alone ? own!.size : pool!.size
      }
    }
    const tail = own.tail(score)
    return { p: Math.max(floor, tail.p), extrapolated: tail.extrapolated, points: own.size }
  }

  /** Learns a call that was allowed; `false` where it was suspicious and taught nothing. */
  learn(event: TelemetryEvent, assessment: Assessment): boolean {
    if (this.#released) return false
    const settings = this.#shared.settings()
    const { score } = assessment
    if (this.#state === "ready") {
      if (assessment.pValue <= settings.falsePositiveRate) return false
      this.#shared.order.learn(event)
      this.#lastSeen = event.timestamp
      this.#credit = Math.min(creditMax, this.#credit + unusual)
      if (assessment.pValue < unusual) {
        if (this.#credit < 1) return true
        this.#credit--
      } else if (++this.#passed % learnEvery !== 0) {
        return true
      }
      this.#learned++
      this.#structure.learn(event.features)
      return true
    }
    this.#shared.order.learn(event)
    if (this.#learned === 0) this.#firstSeen = event.timestamp
    this.#lastSeen = event.timestamp
    this.#learned++
    if (event.session !== "" && this.#distinctSessions < Math.min(settings.minSessions, sessionsMax)) {
      this.#sessions ??= new Set()
      this.#sessions.add(event.session)
    }
    this.#calibration.push(score)
    if (this.#drift.following) this.#shared.drifts.push(this.#drift.evidence(event.features, undefined))
    this.#structure.learn(event.features)
    if (this.#learned >= settings.minSamples) {
      this.#state = "calibrating"
      this.#shared.pool.push(score)
      if (this.#enough(settings)) this.freeze()
    }
    return true
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

  /** Ends learning: from now on the function is judged. */
  freeze(): void {
    if (this.#state === "ready") return
    this.#calibration.freeze()
    this.#structure.freeze()
    this.#drift.freeze()
    this.#rate?.freeze()
    this.#outcomes?.freeze()
    this.#sessions = undefined
    this.#state = "ready"
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
    if ((outcomes.calibration.sample?.size ?? 0) === 0) return undefined
    const { p } = this.#pValue(outcomes.calibration, score)
    if (p > this.#shared.settings().falsePositiveRate) {
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
    if (this.#state === "ready" && this.#calibration.sample === undefined) reader.refuse("calibration")
  }
}

/** A p-value within the share of the budget (Šidák 1967): p / share where it is small, and 1 only where p is. */
const sidak = (p: number): number => p >= 1 ? 1 : -Math.expm1(Math.log1p(-p) / contextShare)

const states: ReadonlyArray<LearningState> = ["learning", "calibrating", "ready"]
const unknown: Assessment = { state: "learning", score: 0, pValue: 1, findings: [] }

/** Tells the functions apart in what they share. */
const seedOf = (fn: string): number => {
  let hash = 0
  for (let i = 0; i < fn.length; i++) hash = Math.imul(hash ^ fn.charCodeAt(i), 0x01000193)
  return hash
}
