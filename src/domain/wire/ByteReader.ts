const float = new Float64Array(1)
const floatBytes = new Uint8Array(float.buffer)
const empty = Buffer.alloc(0)

/** The bytes as a Buffer, without copying them. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

/** A view of some bytes; `subarray` of a Buffer makes another Buffer, for twice the price. */
export const view = (bytes: Uint8Array, start: number, length: number): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)

/**
 * Reads what `ByteWriter` wrote. It never throws and never reads outside its bounds: the first read that does not fit
 * makes `failed` true, and every read from then on gives zero or nothing; check `failed` before using what was read.
 */
export class ByteReader {
  failed = false
  position = 0
  end = 0
  #bytes: Buffer = empty
  #text = ""
  #textStart = 0

  /** Reads `bytes[start, end)` from now on. */
  open(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes
    this.position = start
    this.end = end
    this.failed = start > end || end > bytes.length
    this.#text = ""
    this.#textStart = end
  }

  /** Lets go of the bytes and gives whether everything was read, exactly. */
  close(): boolean {
    const complete = !this.failed && this.position === this.end
    this.#bytes = empty
    this.#text = ""
    return complete
  }

  fail(): void {
    this.failed = true
    this.position = this.end
  }

  /**
   * Turns the next `length` bytes into text at once; strings inside them are then cut from it. A cut string keeps the
   * text alive, so the span should be no longer than what is kept together anyway.
   */
  prepareText(length: number): void {
    const end = Math.min(this.position + length, this.end)
    this.#text = this.#bytes.toString("latin1", this.position, end)
    this.#textStart = this.position
  }

  uint8(): number {
    return this.#has(1) ? this.#bytes[this.position++]! : 0
  }

  uint16(): number {
    if (!this.#has(2)) return 0
    const bytes = this.#bytes
    const at = this.position
    this.position = at + 2
    return bytes[at]! | bytes[at + 1]! << 8
  }

  uint32(): number {
    if (!this.#has(4)) return 0
    const bytes = this.#bytes
    const at = this.position
    this.position = at + 4
    return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0
  }

  /** A finite number; anything else fails. */
  finite(): number {
    if (!this.#has(8)) return 0
    for (let i = 0; i < 8; i++) floatBytes[i] = this.#bytes[this.position + i]!
    this.position += 8
    const value = float[0]!
    if (Number.isFinite(value)) return value
    this.fail()
    return 0
  }

  /** A number in 0..1; anything else fails. */
  fraction(): number {
    const value = this.finite()
    if (value >= 0 && value <= 1) return value
    this.fail()
    return 0
  }

  /** A position in a list of that length; anything else fails. */
  code(count: number): number {
    const value = this.uint8()
    if (value < count) return value
    this.fail()
    return 0
  }

  /** A flag, 0 or 1; anything else fails, so that one value has one encoding. */
  boolean(): boolean {
    return this.code(2) === 1
  }

  /** A number of things, at most `max`, each at least `bytesEach` long in what is left; anything else fails. */
  count(max: number, bytesEach: number): number {
    const value = this.uint16()
    if (value <= max && value * bytesEach <= this.end - this.position) return value
    this.fail()
    return 0
  }

  /** `count` unsigned 16-bit numbers. */
  uint16s(count: number): Array<number> {
    if (!this.#has(2 * count)) return []
    const bytes = this.#bytes
    const values = new Array<number>(count)
    let at = this.position
    for (let i = 0; i < count; i++, at += 2) values[i] = bytes[at]! | bytes[at + 1]! << 8
    this.position = at
    return values
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    if (!this.#has(length)) return empty
    this.position += length
    return view(this.#bytes, this.position - length, length)
  }

  /** Reads the next string if it is `expected` and narrow, without making a string of it; else reads nothing. */
  takes(expected: string): boolean {
    const length = expected.length
    const bytes = this.#bytes
    const start = this.position + 2
    if (this.failed || start + length > this.end) return false
    if ((bytes[start - 2]! | bytes[start - 1]! << 8) !== length << 1) return false
    for (let i = 0; i < length; i++) if (bytes[start + i] !== expected.charCodeAt(i)) return false
    this.position = start + length
    return true
  }

  /** Reads the next bytes if they are `expected`; else reads nothing. */
  takesRaw(expected: Uint8Array): boolean {
    const length = expected.length
    const bytes = this.#bytes
    const start = this.position
    if (this.failed || start + length > this.end) return false
    for (let i = 0; i < length; i++) if (bytes[start + i] !== expected[i]) return false
    this.position = start + length
    return true
  }

  /** A string of `min` to `max` code units; anything else fails. */
  string(min: number, max: number): string {
    const header = this.uint16()
    const length = header >>> 1
    if (length < min || length > max) {
      this.fail()
      return ""
    }
    if ((header & 1) === 1) return this.#wide(length)
    if (!this.#has(length)) return ""
    const start = this.position
    this.position = start + length
    const from = start - this.#textStart
    return from >= 0 && from + length <= this.#text.length
      ? this.#text.substring(from, from + length)
      : this.#bytes.toString("latin1", start, this.position)
  }

  /** A wide string; one that has no wide character fails, so that one string has one encoding. */
  #wide(length: number): string {
    if (!this.#has(2 * length)) return ""
    const start = this.position
    this.position = start + 2 * length
    for (let at = start + 1; at < this.position; at += 2) {
      if (this.#bytes[at] !== 0) return this.#bytes.toString("utf16le", start, this.position)
    }
    this.fail()
    return ""
  }

  #has(length: number): boolean {
    if (!this.failed && this.position + length <= this.end) return true
    this.fail()
    return false
  }
}
