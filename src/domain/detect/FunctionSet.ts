/** Words of a set: 224 bits, so that few of a session's functions share one. */
export const setWords = 7
const bits = 32 * setWords

/** The functions that one session has called so far, as hashed bits. */
export class FunctionSet {
  readonly words = new Uint32Array(setWords)
  /** Number of bits that are set. */
  size = 0

  add(symbol: number): void {
    const bit = (Math.imul(symbol, 0x9e3779b1) >>> 0) % bits
    const word = this.words[bit >>> 5]!
    const mask = 1 << (bit & 31)
    if ((word & mask) !== 0) return
    this.words[bit >>> 5] = word | mask
    this.size++
  }
}

/** Number of bits set in a word. */
export const bitsOf = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
