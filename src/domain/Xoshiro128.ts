/** Draws between two seeds: no observer sees enough draws of one seed to predict the next. */
export const drawsPerSeed = 65_536

/**
 * A fast generator for sampling draws, reseeded from strong randomness: nobody outside can choose to be skipped.
 *
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (ACM TOMS 47, 2021), xoshiro128++.
 */
export class Xoshiro128 {
  readonly #state = new Int32Array(4)
  readonly #entropy: (length: number) => Uint8Array
  #left = 0

  /** `entropy` gives strong random bytes. */
  constructor(entropy: (length: number) => Uint8Array) {
    this.#entropy = entropy
  }

  /** The next number in [0, 1), in steps of 2^-32. */
  next(): number {
    if (this.#left-- <= 0) this.#reseed()
    const s = this.#state
    const s0 = s[0]!
    const s1 = s[1]!
    let s2 = s[2]!
    let s3 = s[3]!
    const sum = (s0 + s3) | 0
    const result = (((sum << 7) | (sum >>> 25)) + s0) >>> 0
    s2 ^= s0
    s3 ^= s1
    s[1] = s1 ^ s2
    s[0] = s0 ^ s3
    s[2] = s2 ^ (s1 << 9)
    s[3] = (s3 << 11) | (s3 >>> 21)
    return result / 0x1_0000_0000
  }

  #reseed(): void {
    const bytes = this.#entropy(16)
    for (let i = 0; i < 4; i++) {
      this.#state[i] = bytes[4 * i]! | (bytes[4 * i + 1]! << 8) | (bytes[4 * i + 2]! << 16) | (bytes[4 * i + 3]! << 24)
    }
    // The one state that the generator cannot leave.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1
    this.#left = drawsPerSeed - 1
  }
}
