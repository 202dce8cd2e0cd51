import type { LearningState } from "../Assessment.ts"
import type { Reader, Writer } from "./Bytes.ts"
import type { DetectorSettings } from "./DetectorSettings.ts"

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

const states: ReadonlyArray<LearningState> = ["learning", "calibrating", "ready"]

/** How far the baseline of a function is, and which calls still teach it: `learning`, `calibrating`, `ready`, settled. */
export class LearningProgress {
  #state: LearningState = "learning"
  #settled = false
  #learned = 0
  #passed = 0
  #credit = creditMax
  #firstSeen = 0
  #lastSeen = 0
  /** Made when the first session comes. */
  #sessions: Set<string> | undefined

  get state(): LearningState {
    return this.#state
  }

  /** Whether texts, tails and calibration stay as they are. */
  get settled(): boolean {
    return this.#settled
  }

  /** Calls learned. */
  get learned(): number {
    return this.#learned
  }

  /** When the first and the last allowed call came (epoch ms). */
  get firstSeen(): number {
    return this.#firstSeen
  }

  get lastSeen(): number {
    return this.#lastSeen
  }

  /** Notes when an allowed call came. */
  see(timestamp: number): void {
    if (this.#learned === 0) this.#firstSeen = timestamp
    this.#lastSeen = timestamp
  }

  /**
   * Whether an allowed call of a ready function teaches. While more calls look anomalous than the budget explains (not
   * `quiet`), somebody tries what gets through, and a function that is not settled would learn it.
   */
  admits(pValue: number, quiet: boolean): boolean {
    if (!this.#settled && !quiet) return false
    this.#credit = Math.min(creditMax, this.#credit + unusual)
    if (pValue >= unusual) return !this.#settled || ++this.#passed % learnEvery === 0
    if (this.#credit < 1) return false
    this.#credit--
    return true
  }

  /** Counts a call that teaches, and its session. */
  count(session: string, { minSessions }: DetectorSettings): void {
    this.#learned++
    if (this.#state === "ready" || session === "" || this.#distinctSessions >= wantedSessions(minSessions)) return
    ;(this.#sessions ??= new Set()).add(session)
  }

  /** Whether a function with these calibration points, its own or of all functions, can be judged now. */
  canBegin(settings: DetectorSettings, points: number): boolean {
    if (this.#state === "ready" || this.#learned < settings.minSamples) return false
    this.#state = "calibrating"
    return points >= 1 / settings.falsePositiveRate
      && this.#lastSeen - this.#firstSeen >= settings.minSeconds * 1000
      && this.#distinctSessions >= wantedSessions(settings.minSessions)
  }

  /** From now on the function is judged. */
  begin(): void {
    this.#sessions = undefined
    this.#state = "ready"
  }

  /** Whether a judged function has learned what one call in 1 / budget looks like. */
  canSettle(budget: number): boolean {
    return this.#state === "ready" && this.#learned * budget >= settledFrom
  }

  /** What is normal is known. */
  settle(): void {
    this.#settled = true
  }

  get #distinctSessions(): number {
    return this.#sessions?.size ?? 0
  }

  /** What is missing until the function is judged, as an operator reads it; nothing where it is. */
  needed(settings: DetectorSettings, points: number): string {
    if (this.#state === "ready") return ""
    const parts: Array<string> = []
    if (this.#learned < settings.minSamples) parts.push(`${settings.minSamples - this.#learned} more calls`)
    const calibration = Math.ceil(1 / settings.falsePositiveRate) - points
    if (calibration > 0) parts.push(`${calibration} more calibration calls (of any function)`)
    const seconds = settings.minSeconds - (this.#lastSeen - this.#firstSeen) / 1000
    if (seconds > 0) parts.push(`${Math.ceil(seconds)} more seconds`)
    const sessions = wantedSessions(settings.minSessions) - this.#distinctSessions
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
  }
}

const wantedSessions = (minSessions: number): number => Math.min(minSessions, sessionsMax)
