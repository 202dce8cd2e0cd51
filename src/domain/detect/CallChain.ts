import type { Arena } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { countMask, CountTable, followersShift } from "./CountTable.ts"

/** Longest context, in calls. Contexts grow by one call when they are seen again, so rare long ones cost nothing. */
export const orderMax = 8
/** Entries of the context table (8 bytes each); it grows to this, then halves its counts. */
const entriesMax = 1 << 20
/** Most distinct functions that a context counts as followers. */
const followersMax = 255

/**
 * Which function follows which calls: a variable-order Markov model with Witten-Bell back-off.
 *
 * Sources: Cleary and Witten 1984 (prediction by partial matching), Witten and Bell 1991 (escape method C).
 */
export class CallChain {
  readonly #arena: Arena
  #table: CountTable | undefined
  #learned = 0
  #distinct = 0

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Calls learned. */
  get learned(): number {
    return this.#learned
  }

  /** Nats of surprise in a function after `calls` calls, of which a ring holds the last ones. */
  surprise(ring: Uint32Array, calls: number, symbol: number): number {
    const table = this.#table
    if (table === undefined) return 0
    const mask = ring.length - 1
    let p = 1 / (this.#distinct + 1)
    let context = contextSeed
    const most = Math.min(orderMax, calls)
    for (let order = 0; order <= most; order++) {
      if (order > 0) context = step(context, ring[(calls - order) & mask]!)
      const known = table.get(context)
      if (known === 0) break
      const followers = known >>> followersShift || 1
      p = ((table.get(follow(context, symbol)) & countMask) + followers * p) / ((known & countMask) + followers)
    }
    return -Math.log(p)
  }

  /** Counts the call at a place in all its contexts, up to the first one that is new. */
  learn(trail: ReadonlyArray<number>, at: number): void {
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

  write(writer: Writer): void {
    writer.u32(this.#learned)
    writer.u32(this.#distinct)
    writer.u32(this.#table === undefined ? 0 : 1)
    this.#table?.write(writer)
  }

  read(reader: Reader): void {
    this.#learned = reader.u32()
    this.#distinct = reader.u32()
    if (reader.u32() === 0) return
    this.#table = new CountTable(this.#arena, () => entriesMax)
    this.#table.read(reader)
  }
}

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
