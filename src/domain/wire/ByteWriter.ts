import { view } from "./ByteReader.ts"

/** First size of the scratch buffer, in bytes: most single events fit, so it rarely grows. */
const initialLength = 4096
/** Longest string that can be written, in UTF-16 code units; far above every limit, so that a cut is always refused. */
export const stringLengthMax = 0x7fff
/** Bytes of the length in front of a string. */
const prefixLength = 2

/**
 * A growing scratch buffer, reused from message to message. Numbers are little-endian; a string is its length (two
 * bytes: code units × 2, plus 1 where wide) and then one byte per code unit up to U+00FF, or two where one is beyond, so
 * that every string, lone surrogates included, comes back as it was.
 */
export class ByteWriter {
  bytes: Buffer = Buffer.alloc(initialLength)
  position = 0
  #view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)

  /** Makes room for `length` more bytes. Every write below needs room made before, except strings, which make theirs. */
  reserve(length: number): void {
    const needed = this.position + length
    if (needed <= this.bytes.length) return
    const grown = Buffer.alloc(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.position))
    this.bytes = grown
    this.#view = new DataView(grown.buffer, grown.byteOffset, grown.length)
  }

  uint8(value: number): void {
    this.bytes[this.position++] = value
  }

  uint16(value: number): void {
    this.#view.setUint16(this.position, value, true)
    this.position += 2
  }

  uint32(value: number): void {
    this.#view.setUint32(this.position, value, true)
    this.position += 4
  }

  float64(value: number): void {
    this.#view.setFloat64(this.position, value, true)
    this.position += 8
  }

  /** Overwrites two bytes that were written before. */
  patchUint16(position: number, value: number): void {
    this.#view.setUint16(position, value, true)
  }

  /** Overwrites four bytes that were written before. */
  patchUint32(position: number, value: number): void {
    this.#view.setUint32(position, value, true)
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.position)
    this.position += bytes.length
  }

  string(value: string): void {
    const length = Math.min(value.length, stringLengthMax)
    this.reserve(prefixLength + 2 * length)
    const bytes = this.bytes
    const start = this.position + prefixLength
    let units = 0
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      units |= unit
      bytes[start + i] = unit
    }
    if (units > 0xff) return this.#wide(value, length)
    this.uint16(length << 1)
    this.position += length
  }

  #wide(value: string, length: number): void {
    this.uint16(length << 1 | 1)
    for (let i = 0; i < length; i++) this.uint16(value.charCodeAt(i))
  }

  /** A view of what was written; the next write may overwrite it. */
  written(): Uint8Array {
    return view(this.bytes, 0, this.position)
  }
}
