import type { TelemetryEvent } from "../TelemetryEvent.ts"
import { Arena } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { Calibration } from "./Calibration.ts"
import { countMask, CountTable, followersShift } from "./CountTable.ts"
import { type DetectorSettings, orderShare } from "./DetectorSettings.ts"
import type { Findings } from "./Findings.ts"
import { before, remember, SessionState } from "./SessionState.ts"

/** Longest context, in calls. Contexts grow by one call when they are seen again, so rare long ones cost nothing. */
const orderMax = 8
/** Entries of the context table (8 bytes each); it grows to this, then halves its counts. */
const entriesMax = 1 << 20
/** Sessions in progress; the least recently active one is forgotten and would begin anew. */
const sessionsMax = 2048
/** An active session moves to the end of the line at every so many of its calls: nearly as good as at each, and cheaper. */
const moveEvery = 8
/** A session is over when so many others began since its last call; and sessions that wait for that at most. */
const overAfter = 64
const openMax = 1024
/** Calls of a session that wait to be learned; a longer session teaches in parts. */
const trailMax = 512
/** Most distinct functions that a context counts as followers. */
const followersMax = 255
/** Calls of ordinary surprise that every session starts with: early surprises are compared with short sessions' noise. */
const priorCalls = 64
/** Calls over which usual surprise is averaged. */
const usualHorizon = 65_536
/** After a session was reported its mean surprise must rise by this factor to be reported again. */
const refractoryMargin = 1.1
/** A ready model learns from sessions more ordinary than the median only: what it is asked to judge does not teach it. */
const ordinary = 0.5

/**
 * The order of calls within sessions, over all functions: how surprising each call is after the ones before it, by a
 * variable-order Markov model with Witten-Bell back-off, and so how surprising a session is on average so far. One odd call
 * decides a short session; in a long one it takes a stretch of them.
 *
 * Sources: Cleary and Witten 1984 (prediction by partial matching), Witten and Bell 1991 (escape method C), Warrender,
 * Forrest and Pearlmutter 1999 (call sequences of processes).
 */
export class OrderModel {
  readonly #settings: () => DetectorSettings
  readonly #arena = new Arena()
  #table: CountTable | undefined
  #calibration = new Calibration(this.#arena)
  readonly #sessions = new Map<string, SessionState>()
  /** Sessions with calls that were not learned yet, the one that was silent longest first; and sessions ever begun. */
  readonly #open = new Set<SessionState>()
  #begun = 0
  /** Calls observed while learning what is usual. */
  #observed = 0
  /** Calls and distinct functions learned, and their mean surprise in nats before they were learned. */
  #learned = 0
  #distinct = 0
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
    return this.#arena.bytes + this.#sessions.size * 300
  }

  /** Calls learned. */
  get learned(): number {
    return this.#learned
  }

  /** Takes the next call of a session. Calls without a session have no order. */
  observe(event: TelemetryEvent, symbol: number): void {
    this.#event = event
    if (event.session === "") {
      this.#state = undefined
      return
    }
    const state = this.#state = this.#session(event.session)
    const surprise = this.#table === undefined ? 0 : this.#surprise(this.#table, state, symbol)
    if (surprise > state.worst) {
      state.worst = surprise
      state.worstAt = state.calls
      state.words = `${before(state)} came ${event.fn}`
    }
    state.sum += surprise
    remember(state, symbol, event.fn)
    const calls = state.calls
    state.level = (state.sum + priorCalls * this.#usual) / (calls + priorCalls)
    if (this.#calibration.frozen) {
      this.#judge(state, this.#calibration.sample.tail(state.level).p)
      return
    }
    if ((calls & (calls - 1)) === 0) this.#calibration.push(state.level)
    state.surprise = surprise
  }

  /** An odd session is reported when it gets worse, not at each of its calls: the mean remembers what was reported. */
  #judge(state: SessionState, p: number): void {
    state.p = p
    if (p < state.leastP) state.leastP = p
    if (p > this.#settings().falsePositiveRate * orderShare) return
    if (state.level > state.reported * refractoryMargin) state.reported = state.level
    else state.p = 1
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

  /** Nats of surprise in a function after the last calls of a session. */
  #surprise(table: CountTable, state: SessionState, symbol: number): number {
    let p = 1 / (this.#distinct + 1)
    let context = contextSeed
    const most = Math.min(orderMax, state.calls)
    for (let order = 0; order <= most; order++) {
      if (order > 0) context = step(context, state.symbols[(state.calls - order) & historyMask]!)
      const known = table.get(context)
      if (known === 0) break
      const followers = known >>> followersShift || 1
      p = ((table.get(follow(context, symbol)) & countMask) + followers * p) / ((known & countMask) + followers)
    }
    return -Math.log(p)
  }

  /** The share of normal sessions that are as surprising as this one at some moment like this; 1 without a session. */
  get pValue(): number {
    return this.#state?.p ?? 1
  }

  /** Adds what is odd about the session of the last event. */
  explain(findings: Findings): void {
    const state = this.#state
    const p = this.pValue
    if (state === undefined || p >= 1) return
    const ago = state.calls - 1 - state.worstAt
    const when = ago === 0 ? "" : `, ${ago} calls ago`
    const mean = (state.level / Math.LN2).toFixed(2)
    findings.add(
      "order",
      "",
      -Math.log10(p),
      `calls in an order like that of ${this.#learned} learned calls (${
        (this.#usual / Math.LN2).toFixed(2)
      } bits a call)`,
      `${state.words}${when}: least expected of ${state.calls} calls (${mean} bits a call)`
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
    if (this.#calibration.frozen) return
    this.#observed++
    this.#usual += (state.surprise - this.#usual) / Math.min(this.#observed, usualHorizon)
    this.#firstSeen ||= event.timestamp
    const { falsePositiveRate, minSeconds } = this.#settings()
    if (this.#calibration.size < 1 / falsePositiveRate) return
    if (event.timestamp - this.#firstSeen >= minSeconds * 1000) this.freeze()
  }

  /** Learns the sessions that seem to be over: of which nothing was heard while many others began. */
  #endSessions(): void {
    this.#begun++
    for (const state of this.#open) {
      if (this.#begun - state.begun < overAfter && this.#open.size < openMax) return
      this.#open.delete(state)
      this.#teach(state)
    }
  }

  /** Learns what is new of a session; once normal is known, only of one that was ordinary throughout. */
  #teach(state: SessionState): void {
    const { trail } = state
    if (!this.#calibration.frozen || state.leastP > ordinary) {
      for (let i = state.taught; i < trail.length; i++) this.#count(trail, i)
    }
    const kept = Math.min(orderMax, trail.length)
    trail.splice(0, trail.length - kept)
    state.taught = kept
  }

  /** Counts the call at a place in all its contexts, up to the first one that is new. */
  #count(trail: ReadonlyArray<number>, at: number): void {
    const table = this.#table ??= new CountTable(this.#arena, () => entriesMax)
    const symbol = trail[at]!
    this.#learned++
    let context = contextSeed
    for (let order = 0; order <= Math.min(orderMax, at); order++) {
      if (order > 0) context = step(context, trail[at - order]!)
      const fresh = table.add(context, 1) === 0
      if (table.add(follow(context, symbol), 1) === 0) {
        if (order === 0) this.#distinct++
        if (table.get(context) >>> followersShift < followersMax) table.add(context, 1 << followersShift)
      }
      if (fresh) break
    }
  }

  /** Ends learning of what is normal, where enough was learned. */
  freeze(): void {
    if (this.#observed < this.#settings().minSamples) return
    for (const state of this.#open) this.#teach(state)
    this.#open.clear()
    this.#calibration.freeze()
  }

  /** Sessions in progress are not part of it: after a restart they begin anew. */
  write(writer: Writer): void {
    writer.u32(this.#learned)
    writer.u32(this.#distinct)
    writer.u32(this.#observed)
    writer.f64(this.#usual)
    writer.f64(this.#firstSeen)
    this.#calibration.write(writer)
    writer.u32(this.#table === undefined ? 0 : 1)
    this.#table?.write(writer)
  }

  read(reader: Reader): void {
    this.#learned = reader.u32()
    this.#distinct = reader.u32()
    this.#observed = reader.u32()
    this.#usual = reader.f64()
    this.#firstSeen = reader.f64()
    this.#calibration.read(reader)
    if (reader.u32() === 0) return
    this.#table = new CountTable(this.#arena, () => entriesMax)
    this.#table.read(reader)
  }
}

const historyMask = 15
const contextSeed = 0x2545f491

/** The context that is one call longer. */
const step = (context: number, symbol: number): number => {
  const mixed = Math.imul(context ^ symbol, 0x9e3779b1)
  return ((mixed ^ (mixed >>> 15)) >>> 0) || 1
}

/** The key of a function after a context. */
const follow = (context: number, symbol: number): number => {
  const mixed = Math.imul(context + 0x7f4a7c15 ^ Math.imul(symbol, 0x85ebca6b), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 13)) >>> 0) || 1
}
