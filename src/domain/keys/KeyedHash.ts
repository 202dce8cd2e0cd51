/** Most 32-bit words that one hash takes in; longer input is cut there, its full length still counts. */
const wordsMax = 8192

/**
 * HalfSipHash-2-4 with 32-bit output: a keyed hash for short input, so that nobody without the key can choose two
 * values that collide or find a value from its hash by trying all likely ones.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (INDOCRYPT 2012); HalfSipHash is the 32-bit
 * variant of the same authors' reference code, whose test vectors the tests check.
 */
export class KeyedHash {
  readonly #k0: number
  readonly #k1: number
  readonly #words = new Int32Array(wordsMax)

  constructor(key: readonly [number, number]) {
    this.#k0 = key[0] | 0
    this.#k1 = key[1] | 0
  }

  /** Hashes bytes, as the reference implementation does. */
  bytes(input: Uint8Array): number {
    const whole = Math.min(input.length >>> 2, wordsMax)
    for (let i = 0; i < whole; i++) {
      const at = i << 2
      this.#words[i] = input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24)
    }
    let last = input.length << 24
    for (let i = whole << 2, shift = 0; i < input.length && shift < 24; i++, shift += 8) last |= input[i]! << shift
    return this.#hash(whole, last)
  }

  /** Hashes a string as its UTF-16 code units, little-endian. */
  string(input: string): number {
    const length = input.length
    const whole = Math.min(length >>> 1, wordsMax)
    const words = this.#words
    for (let i = 0; i < whole; i++) words[i] = input.charCodeAt(i << 1) | (input.charCodeAt((i << 1) + 1) << 16)
    const odd = (length & 1) === 1 ? input.charCodeAt(length - 1) : 0
    return this.#hash(whole, (length << 25) | odd)
  }

  /** Hashes two 32-bit words. */
  pair(first: number, second: number): number {
    this.#words[0] = first
    this.#words[1] = second
    return this.#hash(2, 8 << 24)
  }

  /** Hashes the first `count` 32-bit words of an array. */
  words(input: Int32Array, count: number): number {
    const whole = Math.min(count, wordsMax)
    for (let i = 0; i < whole; i++) this.#words[i] = input[i]!
    return this.#hash(whole, (count << 2) << 24)
  }

  /** The hash of the first `count` words of the scratch area and a last, partial word that carries the length. */
  #hash(count: number, last: number): number {
    const words = this.#words
    let v0 = this.#k0
    let v1 = this.#k1
    let v2 = 0x6c796765 ^ v0
    let v3 = 0x74656462 ^ v1
    // The words, the last word, then two steps of finalisation, which take nothing in. Each step is two rounds, written
    // out: a loop around them would cost as much as they do.
    for (let i = 0; i < count + 3; i++) {
      let m = 0
      if (i < count) m = words[i]!
      else if (i === count) m = last
      else if (i === count + 1) v2 ^= 0xff
      v3 ^= m
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= m
    }
    return (v1 ^ v3) >>> 0
  }
}
