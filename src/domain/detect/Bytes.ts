/** Thrown inside a restore only, and caught there: the bytes are not a snapshot of this version. */
export class NotASnapshot extends Error {}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/** Appends numbers, arrays and strings to a growing buffer, little-endian: the same state gives the same bytes. */
export class Writer {
  #bytes = new Uint8Array(4096)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  #reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return at
  }

  u32(value: number): void {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value, true)
  }

  f64(value: number): void {
    const at = this.#reserve(8)
    this.#view.setFloat64(at, value, true)
  }

  text(value: string): void {
    const bytes = encoder.encode(value)
    this.u32(bytes.length)
    const at = this.#reserve(bytes.length)
    this.#bytes.set(bytes, at)
  }

  words(values: Uint32Array): void {
    this.u32(values.length)
    let at = this.#reserve(values.length * 4)
    for (let i = 0; i < values.length; i++, at += 4) this.#view.setUint32(at, values[i]!, true)
  }

  floats(values: Float64Array | Float32Array | ReadonlyArray<number>): void {
    this.u32(values.length)
    let at = this.#reserve(values.length * 8)
    for (let i = 0; i < values.length; i++, at += 8) this.#view.setFloat64(at, values[i]!, true)
  }

  /** The bytes written so far. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
}

/** Reads what {@link Writer} wrote; every length is checked against the bytes that are left. */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  refuse(what: string): never {
    throw new NotASnapshot(`not a snapshot: ${what} at byte ${this.#at}`)
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) this.refuse("cut short")
    this.#at = at + count
    return at
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  text(): string {
    const length = this.u32()
    const at = this.#take(length)
    return decoder.decode(this.#bytes.subarray(at, at + length))
  }

  words(): Uint32Array {
    const length = this.u32()
    let at = this.#take(length * 4)
    const values = new Uint32Array(length)
    for (let i = 0; i < length; i++, at += 4) values[i] = this.#view.getUint32(at, true)
    return values
  }

  floats(): Float64Array {
    const length = this.u32()
    let at = this.#take(length * 8)
    const values = new Float64Array(length)
    for (let i = 0; i < length; i++, at += 8) values[i] = this.#view.getFloat64(at, true)
    return values
  }

  /** True where everything was read. */
  get finished(): boolean {
    return this.#at === this.#bytes.length
  }
}
