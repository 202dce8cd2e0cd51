/** Thrown inside a restore only, and caught there: the bytes are not a snapshot of this version. */
export class NotASnapshot extends Error {}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/** Room made beyond what is written, as a factor. */
const growth = 1.5
/** Words from which on copying them together is worth the call. */
const copied = 256
/** True where words lie in memory as they are written: they are copied as they are. */
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Appends numbers, arrays and strings to a growing buffer, little-endian: the same state gives the same bytes. */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0

  /** `capacity` is the expected number of bytes: growing copies them. */
  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  #reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.ceil(this.#length * growth))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(this.#bytes.buffer)
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
    const most = 3 * value.length
    const at = this.#reserve(4 + most)
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(at + 4, at + 4 + most))
    this.#view.setUint32(at, written, true)
    this.#length = at + 4 + written
  }

  /** Writes words of an array, all of them unless said otherwise. */
  words(values: Uint32Array, from = 0, count = values.length): void {
    this.u32(count)
    let at = this.#reserve(count * 4)
    if (littleEndian && count >= copied) {
      this.#bytes.set(new Uint8Array(values.buffer, values.byteOffset + 4 * from, 4 * count), at)
      return
    }
    for (let i = from; i < from + count; i++, at += 4) this.#view.setUint32(at, values[i]!, true)
  }

  floats(values: Float64Array | Float32Array | ReadonlyArray<number>): void {
    this.u32(values.length)
    let at = this.#reserve(values.length * 8)
    for (let i = 0; i < values.length; i++, at += 8) this.#view.setFloat64(at, values[i]!, true)
  }

  /** The bytes written. Nothing can be written after them: unless much room is left, they are not copied. */
  finish(): Uint8Array {
    const enough = this.#length * growth >= this.#bytes.length
    return enough ? this.#bytes.subarray(0, this.#length) : this.#bytes.slice(0, this.#length)
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
    if (littleEndian && length >= copied) {
      new Uint8Array(values.buffer).set(this.#bytes.subarray(at, at + length * 4))
      return values
    }
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
