import type { TelemetryEvent } from "../TelemetryEvent.ts"
import { Arena } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { CallChain, orderMax } from "./CallChain.ts"
import { type DetectorSettings, orderShare } from "./DetectorSettings.ts"
import type { Findings } from "./Findings.ts"
import { isMoment, Moments, together } from "./Moments.ts"
import { Repertoire } from "./Repertoire.ts"
import { before, historyMask, remember, SessionState } from "./SessionState.ts"

/** Sessions in progress; the least recently active one is forgotten and would begin anew. */
const sessionsMax = 2048
/** An active session moves to the end of the line at every so many of its calls: nearly as good as at each, and cheaper. */
const moveEvery = 8
/** A session is over when so many others began since its last call; and sessions that wait for that at most. */
const overAfter = 64
const openMax = 1024
/** Calls of a session that wait to be learned; a longer session teaches in parts. */
const trailMax = 512
/** Calls of ordinary surprise that every session starts with: early surprises are compared with short sessions' noise. */
const priorCalls = 64
/** Calls over which usual surprise is averaged. */
const usualHorizon = 65_536
/** A session that was reported is reported again when its p-value has fallen by this factor. */
const worse = 0.1
/**
 * A ready model learns from sessions whose mean -ln p over their moments is at most this: that of normal sessions, since
 * their p-values are uniform. What it is asked to judge does not teach it.
 */
const ordinary = 1
/** Approximate bytes of a session in progress. */
const sessionBytes = 800

/**
 * What sessions do, over all functions: how surprising each call is after the ones before it, and so how surprising the
 * session is on average so far; and how rare the set of functions is that it has called. One odd call decides a short
 * session; in a long one it takes a stretch of them.
 *
 * Source of the task and of its data: Warrender, Forrest and Pearlmutter 1999 (call sequences of processes).
 */
export class OrderModel {
  readonly #settings: () => DetectorSettings
  readonly #arena = new Arena()
  readonly #chain = new CallChain(this.#arena)
  readonly #repertoire = new Repertoire(this.#arena)
  readonly #moments = new Moments(this.#arena)
  readonly #sessions = new Map<string, SessionState>()
  /** Sessions with calls that were not learned yet, the one that was silent longest first; and sessions ever begun. */
  readonly #open = new Set<SessionState>()
  #begun = 0
  /** Calls observed while learning; those of them that something was known of, and their mean surprise in nats. */
  #observed = 0
  #judged = 0
  #usual = 0
  /** When learning began (epoch ms). */
  #firstSeen = 0
  /** The event observed last, and its session. */
  #event: TelemetryEvent | undefined
  #state: SessionState | undefined

  constructor(settings: () => DetectorSettings) {
    this.#settings = settings
  }

  get bytes(): number {
    return this.#arena.bytes + this.#sessions.size * sessionBytes
  }

  /** Takes the next call of a session. Calls without a session have no order. */
  observe(event: TelemetryEvent, symbol: number): void {
    this.#event = event
    if (event.session === "") {
      this.#state = undefined
      return
    }
    const state = this.#state = this.#session(event.session)
    const surprise = this.#chain.surprise(state.symbols, state.calls, symbol)
    if (surprise > state.worst) {
      state.worst = surprise
      state.worstAt = state.calls
      state.words = `${before(state)} came ${event.fn}`
    }
    state.surprise = surprise
    state.sum += surprise
    remember(state, symbol, event.fn)
    state.level = (state.sum + priorCalls * this.#usual) / (state.calls + priorCalls)
    this.#begin(state)
    this.#judge(state)
  }

  /** Begins a new moment of a session. */
  #begin(state: SessionState): void {
    if (!isMoment(state.calls)) return
    const moment = this.#moments.at(state.calls)
    if (moment === state.moment) return
    if (state.moment >= 0) this.#count(state)
    state.moment = moment
    state.counted = false
    state.peak = 0
    state.rarity = Math.LOG10E * this.#repertoire.rarity(moment, state.functions)
    state.rarityRank = this.#moments.rarity(moment, state.rarity)
  }

  /** Counts the moment of a session that is over: what normal sessions are like, or whether this one still is. */
  #count(state: SessionState): void {
    if (state.counted) return
    state.counted = true
    // Before anything was learned there is nothing that a session could be compared with.
    if (!this.#moments.frozen && this.#usual > 0) {
      this.#moments.push(state.moment, this.#excess(state), state.rarity)
    }
    state.moments++
    state.unusual -= Math.log(state.rank)
  }

  /** A session is judged when it gets worse, not at each of its calls: otherwise one would spend the budget of thousands. */
  #judge(state: SessionState): void {
    if (state.told) state.p = 1
    state.told = false
    if (state.level <= state.peak) return
    state.peak = state.level
    if (!this.#moments.frozen) return
    state.surpriseRank = this.#moments.surprise(state.moment, this.#excess(state))
    state.rank = together(state.surpriseRank, state.rarityRank)
    const p = this.#moments.pValue(state.moment, state.rank)
    state.leastP = Math.min(state.leastP, p)
    if (p > this.#settings().falsePositiveRate * orderShare) {
      state.p = Math.min(state.p, p)
    } else if (p <= state.reported * worse) {
      state.p = state.reported = p
    }
  }

  /**
   * Decades by which the calls up to this moment's peak are less probable than as many usual ones. Far from the usual it
   * grows with the logarithm only, as where the scale of a call's surprise varies: some functions have no order to learn.
   */
  #excess(state: SessionState): number {
    const usual = this.#usual
    return Math.LOG10E * (2 ** state.moment + priorCalls) * usual * Math.log(state.peak / usual)
  }

  #session(id: string): SessionState {
    let state = this.#sessions.get(id)
    if (state !== undefined && state === this.#state) return state
    if (state === undefined) {
      this.#endSessions()
      state = new SessionState()
      if (this.#sessions.size >= sessionsMax) {
        const oldest = this.#sessions.keys().next().value
        if (oldest !== undefined) this.#sessions.delete(oldest)
      }
      this.#sessions.set(id, state)
    } else if (state.calls % moveEvery === 0) {
      this.#sessions.delete(id)
      this.#sessions.set(id, state)
    }
    return state
  }

  /**
   * The share of normal sessions that ever are as unusual as this one has become; 1 without a session, and where nothing
   * got worse since it was told. A verdict waits for a call that can be judged: functions that are still learned cannot.
   */
  verdict(): number {
    const state = this.#state
    if (state === undefined) return 1
    state.told = true
    return state.p
  }

  /** Adds what is odd about the session of the last event. */
  explain(findings: Findings): void {
    const state = this.#state
    if (state === undefined || state.p >= 1) return
    const ago = state.calls - 1 - state.worstAt
    const when = ago === 0 ? "" : `, ${ago} calls ago`
    const mean = (state.level / Math.LN2).toFixed(2)
    const rare = state.rarityRank < state.surpriseRank
      ? `; few normal sessions call its ${state.functions.size} functions and no others`
      : ""
    findings.add(
      "order",
      "",
      -Math.log10(state.p),
      `calls in an order like that of ${this.#chain.learned} learned calls (${
        (this.#usual / Math.LN2).toFixed(2)
      } bits a call)`,
      `${state.words}${when}: least expected of ${state.calls} calls (${mean} bits a call)${rare}`
    )
  }

  /** Notes that the event observed last was allowed: its session teaches it when it is over. */
  learn(event: TelemetryEvent): void {
    const state = this.#state
    if (event !== this.#event || state === undefined) return
    this.#event = undefined
    if (state.calls % moveEvery === 0) this.#open.delete(state)
    this.#open.add(state)
    state.begun = this.#begun
    state.trail.push(state.symbols[(state.calls - 1) & historyMask]!)
    if (state.trail.length >= trailMax) this.#teach(state)
    if (this.#moments.frozen) return
    this.#observed++
    if (this.#chain.learned > 0) {
      this.#judged++
      this.#usual += (state.surprise - this.#usual) / Math.min(this.#judged, usualHorizon)
    }
    this.#firstSeen ||= event.timestamp
    const { falsePositiveRate, minSeconds } = this.#settings()
    if (this.#moments.size < 1 / falsePositiveRate) return
    if (event.timestamp - this.#firstSeen >= minSeconds * 1000) this.freeze()
  }

  /** Learns the sessions that seem to be over: of which nothing was heard while many others began. */
  #endSessions(): void {
    this.#begun++
    for (const state of this.#open) {
      if (this.#begun - state.begun < overAfter && this.#open.size < openMax) return
      this.#end(state)
    }
  }

  #end(state: SessionState): void {
    this.#open.delete(state)
    this.#count(state)
    this.#teach(state)
  }

  /** Learns what is new of a session; once normal is known, only of an ordinary one. */
  #teach(state: SessionState): void {
    const { learnedFunctions, trail } = state
    const taught = !this.#moments.frozen || this.#isOrdinary(state)
    for (let i = state.taught; i < trail.length; i++) {
      learnedFunctions.add(trail[i]!)
      state.learnedCalls++
      if (!taught) continue
      this.#chain.learn(trail, i)
      const { learnedCalls } = state
      if (isMoment(learnedCalls)) this.#repertoire.learn(this.#moments.at(learnedCalls), learnedFunctions)
    }
    const kept = Math.min(orderMax, trail.length)
    trail.splice(0, trail.length - kept)
    state.taught = kept
  }

  /** Whether a session was as ordinary as normal ones on average, and at no moment an alarm. */
  #isOrdinary(state: SessionState): boolean {
    if (state.leastP <= this.#settings().falsePositiveRate * orderShare) return false
    const open = state.counted ? 0 : 1
    const unusual = state.unusual - open * Math.log(state.rank)
    return unusual <= ordinary * (state.moments + open)
  }

  /** Ends learning of what is normal, where enough was learned. */
  freeze(): void {
    if (this.#moments.frozen || this.#observed < this.#settings().minSamples) return
    for (const state of this.#open) this.#end(state)
    this.#moments.freeze()
  }

  /** Sessions in progress are not part of it: after a restart they begin anew. */
  write(writer: Writer): void {
    writer.u32(this.#observed)
    writer.u32(this.#judged)
    writer.f64(this.#usual)
    writer.f64(this.#firstSeen)
    this.#chain.write(writer)
    this.#repertoire.write(writer)
    this.#moments.write(writer)
  }

  read(reader: Reader): void {
    this.#observed = reader.u32()
    this.#judged = reader.u32()
    this.#usual = reader.f64()
    this.#firstSeen = reader.f64()
    this.#chain.read(reader)
    this.#repertoire.read(reader)
    this.#moments.read(reader)
  }
}
