/** How far a message may be dated ahead of the receiver, in ms: NTP keeps hosts within a second, so five is generous. */
export const timestampFutureMs = 5_000
/**
 * Bits of the bitmap of one epoch. A message may arrive after up to 2,016 later ones: more than the frames that a
 * connection keeps in flight, in 256 bytes.
 */
export const windowBits = 2048

const wordBits = 32
const words = windowBits / wordBits
/** Counters this far behind the newest one are refused: the oldest word is the one being refilled (RFC 6479). */
const reach = windowBits - wordBits

/**
 * Which counters of one sender epoch were used: a bitmap that slides behind the newest one, in the ring of words of
 * RFC 6479, so that no step ever shifts bits. Counters are integers from 0 to 2^48 - 1.
 */
export class ReplayWindow {
  readonly #bits = new Uint32Array(words)
  #newest = -1

  /** Whether the counter was used, or is too old to tell. */
  has(counter: number): boolean {
    if (counter > this.#newest) return false
    if (this.#newest - counter >= reach) return true
    const word = Math.floor(counter / wordBits)
    return (this.#bits[word % words]! & 1 << counter % wordBits) !== 0
  }

  /** Marks a counter as used. Only one that `has` denies may be marked. */
  add(counter: number): void {
    const word = Math.floor(counter / wordBits)
    if (counter > this.#newest) {
      this.#clear(this.#newest < 0 ? -1 : Math.floor(this.#newest / wordBits), word)
      this.#newest = counter
    }
    this.#bits[word % words]! |= 1 << counter % wordBits
  }

  #clear(from: number, to: number): void {
    if (to - from >= words) {
      this.#bits.fill(0)
      return
    }
    for (let word = from + 1; word <= to; word++) this.#bits[word % words] = 0
  }
}
