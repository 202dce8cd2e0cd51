import type { Decision, DecisionSource } from "../Decision.ts"
import { RecentMap } from "../RecentMap.ts"

/** Characters of an event id that fit a row: the longest that the wire admits. Other ids are kept as they are. */
const idLengthMax = 64

/** Whether a decision is one of the many that differ by a few numbers only. */
const isPlain = ({ action, findings, wouldBlock }: Decision): boolean =>
  action === "allow" && !wouldBlock && findings.length === 0

/** The decisions of one generation, in columns: plain ones are no objects that a garbage collection must move. */
class Generation {
  size = 0
  readonly #slots: Int32Array
  readonly #hashes: Int32Array
  readonly #ids: Uint8Array
  readonly #lengths: Uint8Array
  readonly #serials: Float64Array
  readonly #confidences: Float64Array
  readonly #pValues: Float64Array
  readonly #sources: Array<DecisionSource>
  readonly #reasons: Array<string>
  /** The decisions that are not plain, as they are. */
  readonly #whole: Array<Decision | undefined>

  constructor(capacity: number) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity)))
    this.#hashes = new Int32Array(capacity)
    this.#ids = new Uint8Array(capacity * idLengthMax)
    this.#lengths = new Uint8Array(capacity)
    this.#serials = new Float64Array(capacity)
    this.#confidences = new Float64Array(capacity)
    this.#pValues = new Float64Array(capacity)
    this.#sources = new Array<DecisionSource>(capacity).fill("brain")
    this.#reasons = new Array<string>(capacity).fill("")
    this.#whole = new Array<Decision | undefined>(capacity).fill(undefined)
  }

  clear(): void {
    this.size = 0
    this.#slots.fill(0)
    this.#whole.fill(undefined)
  }

  /** Where the index points to a row of this id, or the free place for it: rows are counted from 1, 0 is free. */
  #place(eventId: string, hash: number): number {
    const last = this.#slots.length - 1
    let at = hash & last
    while (this.#slots[at] !== 0 && !this.#is(this.#slots[at]! - 1, eventId, hash)) at = (at + 1) & last
    return at
  }

  /** Whether a row is of this id. Ids of one agent differ at their end, so the comparison begins there. */
  #is(row: number, eventId: string, hash: number): boolean {
    if (this.#hashes[row] !== hash || this.#lengths[row] !== eventId.length) return false
    const start = row * idLengthMax
    for (let i = eventId.length - 1; i >= 0; i--) if (this.#ids[start + i] !== eventId.charCodeAt(i)) return false
    return true
  }

  /** Writes an id into the next free row; `false` where it does not fit. */
  #writeId(eventId: string): boolean {
    if (eventId.length > idLengthMax) return false
    const start = this.size * idLengthMax
    let units = 0
    for (let i = 0; i < eventId.length; i++) {
      const unit = eventId.charCodeAt(i)
      units |= unit
      this.#ids[start + i] = unit
    }
    return units <= 0xff
  }

  /** Adds a decision; `false` where its id does not fit a row. */
  add(decision: Decision, serial: number, hash: number): boolean {
    const { eventId } = decision
    if (!this.#writeId(eventId)) return false
    const place = this.#place(eventId, hash)
    const row = this.#slots[place] === 0 ? this.size++ : this.#slots[place]! - 1
    this.#slots[place] = row + 1
    this.#hashes[row] = hash
    this.#lengths[row] = eventId.length
    this.#serials[row] = serial
    this.#confidences[row] = decision.confidence
    this.#pValues[row] = decision.pValue
    this.#sources[row] = decision.source
    this.#reasons[row] = decision.reason
    this.#whole[row] = isPlain(decision) ? undefined : decision
    return true
  }

  get(eventId: string, hash: number, idOf: (serial: number) => string): Decision | undefined {
    const row = this.#slots[this.#place(eventId, hash)]! - 1
    return row < 0 ? undefined : this.#whole[row] ?? {
      id: idOf(this.#serials[row]!),
      eventId,
      action: "allow",
      source: this.#sources[row]!,
      reason: this.#reasons[row]!,
      confidence: this.#confidences[row]!,
      pValue: this.#pValues[row]!,
      findings: [],
      wouldBlock: false
    }
  }
}

/**
 * The decisions on at least the latest `capacity` events, so that a retry gets the answer that the first attempt got.
 *
 * Nearly all decisions are plain allows: those are kept as numbers, in two generations as in {@link RecentMap}. As objects
 * they would live just long enough for every one of them to be copied twice by the garbage collector before it dies.
 */
export class DecisionMemory {
  readonly #capacity: number
  readonly #hash: (eventId: string) => number
  readonly #idOf: (serial: number) => string
  /** Decisions whose ids do not fit a row: no agent of ours makes such. */
  readonly #odd: RecentMap<string, Decision>
  #young: Generation
  #old: Generation
  #lastId = ""
  #lastHash = 0

  /** `idOf` gives the id of the decision with that serial number; `hash` is keyed, since senders choose event ids. */
  constructor(
    capacity: number,
    options: { readonly hash: (eventId: string) => number; readonly idOf: (serial: number) => string }
  ) {
    this.#odd = new RecentMap(capacity)
    this.#capacity = capacity
    this.#hash = options.hash
    this.#idOf = options.idOf
    this.#young = new Generation(capacity)
    this.#old = new Generation(capacity)
  }

  /** Remembers a decision whose id is that of `serial`. */
  add(decision: Decision, serial: number): void {
    if (this.#young.size === this.#capacity) {
      const cleared = this.#old
      cleared.clear()
      this.#old = this.#young
      this.#young = cleared
    }
    const { eventId } = decision
    if (!this.#young.add(decision, serial, this.#hashOf(eventId))) this.#odd.set(eventId, decision)
  }

  /** The decision on an event, equal to the one that was added. */
  get(eventId: string): Decision | undefined {
    const hash = this.#hashOf(eventId)
    const known = this.#young.get(eventId, hash, this.#idOf) ?? this.#old.get(eventId, hash, this.#idOf)
    return known !== undefined || this.#odd.size === 0 ? known : this.#odd.get(eventId)
  }

  /** An event is looked up and then added: its id is hashed once. */
  #hashOf(eventId: string): number {
    if (eventId !== this.#lastId) {
      this.#lastHash = this.#hash(eventId) | 0
      this.#lastId = eventId
    }
    return this.#lastHash
  }
}
