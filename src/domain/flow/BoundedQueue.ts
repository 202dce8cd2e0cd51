import type { Priority } from "../TelemetryEvent.ts"

/** What goes when the queue is full. */
export type DropPolicy = "oldest" | "lowest_priority"

/** What the queue must know about an item. */
export interface Sized {
  readonly bytes: number
  readonly priority: Priority
}

/** Room a lane starts with; it doubles as needed and is given back when the lane runs empty. */
const laneCapacityMin = 64

/** Items of one priority with their arrival numbers: a ring, so that both ends cost the same at any length. */
class Lane<A extends Sized> {
  #items: Array<A | undefined> = new Array<A | undefined>(laneCapacityMin)
  #order = new Float64Array(laneCapacityMin)
  #head = 0
  length = 0

  /** The arrival number of the oldest item; infinite where there is none. */
  get oldest(): number {
    return this.length === 0 ? Infinity : this.#order[this.#head]!
  }

  push(item: A, order: number): void {
    if (this.length === this.#items.length) this.#resize(this.length * 2)
    const at = (this.#head + this.length) & (this.#items.length - 1)
    this.#items[at] = item
    this.#order[at] = order
    this.length++
  }

  shift(): A | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#items.length - 1)
    if (--this.length === 0 && this.#items.length > laneCapacityMin * 16) this.#resize(laneCapacityMin)
    return item
  }

  #resize(capacity: number): void {
    const items = new Array<A | undefined>(capacity)
    const order = new Float64Array(capacity)
    for (let i = 0; i < this.length; i++) {
      const from = (this.#head + i) & (this.#items.length - 1)
      items[i] = this.#items[from]
      order[i] = this.#order[from]!
    }
    this.#items = items
    this.#order = order
    this.#head = 0
  }
}

/**
 * A first-in, first-out queue bounded by count and bytes, in constant time per operation at any length.
 *
 * Items leave in order of arrival whatever their priority; priority decides only who is dropped. With `lowest_priority`
 * that is the oldest of the least important, a newcomer included: it never pushes out what matters more than itself.
 */
export class BoundedQueue<A extends Sized> {
  readonly sizeMax: number
  readonly bytesMax: number
  readonly #low = new Lane<A>()
  readonly #normal = new Lane<A>()
  readonly #high = new Lane<A>()
  #arrivals = 0
  #bytes = 0
  #dropped = 0

  constructor(options: { readonly sizeMax: number; readonly bytesMax: number }) {
    if (!(options.sizeMax >= 1)) throw new RangeError(`sizeMax must be at least 1, got ${options.sizeMax}`)
    if (!(options.bytesMax >= 1)) throw new RangeError(`bytesMax must be at least 1, got ${options.bytesMax}`)
    this.sizeMax = options.sizeMax
    this.bytesMax = options.bytesMax
  }

  get size(): number {
    return this.#low.length + this.#normal.length + this.#high.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Items dropped so far. */
  get dropped(): number {
    return this.#dropped
  }

  /** How full the queue is, in 0..1: by count or by bytes, whichever is fuller. */
  get utilization(): number {
    return Math.max(this.size / this.sizeMax, this.#bytes / this.bytesMax)
  }

  /** Adds an item; `onDrop` is called with each item that must go for it, or with itself. */
  offer(item: A, policy: DropPolicy, onDrop: (item: A) => void): void {
    if (item.bytes > this.bytesMax) return this.#drop(item, onDrop)
    while (this.size >= this.sizeMax || this.#bytes + item.bytes > this.bytesMax) {
      const lane = policy === "oldest" ? this.#eldest() : this.#least()
      if (policy === "lowest_priority" && rank(item.priority) < this.#rankOf(lane)) return this.#drop(item, onDrop)
      const victim = this.#take(lane)
      if (victim === undefined) break
      this.#drop(victim, onDrop)
    }
    this.#lane(item.priority).push(item, this.#arrivals++)
    this.#bytes += item.bytes
  }

  /** Removes the oldest item. */
  poll(): A | undefined {
    return this.#take(this.#eldest())
  }

  #drop(item: A, onDrop: (item: A) => void): void {
    this.#dropped++
    onDrop(item)
  }

  #take(lane: Lane<A>): A | undefined {
    const item = lane.shift()
    if (item !== undefined) this.#bytes -= item.bytes
    return item
  }

  #lane(priority: Priority): Lane<A> {
    return priority === "normal" ? this.#normal : priority === "low" ? this.#low : this.#high
  }

  #eldest(): Lane<A> {
    const { oldest: low } = this.#low
    const { oldest: normal } = this.#normal
    const { oldest: high } = this.#high
    return normal <= low ? normal <= high ? this.#normal : this.#high : low <= high ? this.#low : this.#high
  }

  #least(): Lane<A> {
    return this.#low.length > 0 ? this.#low : this.#normal.length > 0 ? this.#normal : this.#high
  }

  #rankOf(lane: Lane<A>): number {
    return lane === this.#low ? 0 : lane === this.#normal ? 1 : 2
  }
}

const rank = (priority: Priority): number => priority === "low" ? 0 : priority === "normal" ? 1 : 2
