import type { ByteReader } from "./ByteReader.ts"

/** A copy that shares no memory with the text the string was cut from. */
const detach = (value: string): string => {
  const narrow = Buffer.from(value, "latin1").toString("latin1")
  return narrow === value ? narrow : Buffer.from(value, "utf16le").toString("utf16le")
}

/**
 * Gives equal strings one representative. Names repeat from message to message; one representative makes later map
 * look-ups compare a pointer, and does not keep the text alive that a decoded string was cut from.
 */
export class Interner {
  readonly #capacityMax: number
  #known = new Map<string, string>()
  #last = ""

  constructor(capacityMax: number) {
    this.#capacityMax = capacityMax
  }

  intern(value: string): string {
    if (value === this.#last) return this.#last
    let known = this.#known.get(value)
    if (known === undefined) {
      // Full: names are attacker-controlled, so the table starts again rather than grow.
      if (this.#known.size >= this.#capacityMax) this.#known = new Map()
      known = detach(value)
      this.#known.set(known, known)
    }
    this.#last = known
    return known
  }

  /** Reads a string of `min` to `max` code units; one that was the last to be read costs a comparison of its bytes. */
  read(reader: ByteReader, min: number, max: number): string {
    const { length } = this.#last
    if (length >= min && length <= max && reader.takes(this.#last)) return this.#last
    return this.intern(reader.string(min, max))
  }
}

/** Interners of the names in frames, apart because each kind repeats at its own pace. */
export class Names {
  readonly senders: Interner
  readonly keys: Interner
  readonly agents: Interner
  readonly functions: Interner

  /** `capacityMax` bounds each kind. */
  constructor(capacityMax: number) {
    this.senders = new Interner(capacityMax)
    this.keys = new Interner(capacityMax)
    this.agents = new Interner(capacityMax)
    this.functions = new Interner(capacityMax)
  }
}
