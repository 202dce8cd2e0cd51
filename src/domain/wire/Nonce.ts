/** Bytes of a nonce: a UUID of version 8 (RFC 9562, section 5.8), whose contents are ours to define. */
export const nonceLength = 16
/** Bytes of the sender epoch in front of the counter: 74 random bits and the six that mark version and variant. */
export const epochLength = 10
/** First counter that six bytes cannot hold: at a million messages a second, after nine years. */
const counterEnd = 2 ** 48

/** Makes a sender epoch of ten random bytes. */
export const epochOf = (random: Uint8Array): Uint8Array => {
  const epoch = random.slice(0, epochLength)
  epoch[6] = (epoch[6] ?? 0) & 0x0f | 0x80
  epoch[8] = (epoch[8] ?? 0) & 0x3f | 0x80
  return epoch
}

/** Whether the sixteen bytes at `offset` are a UUID of version 8. */
export const isNonce = (bytes: Uint8Array, offset: number): boolean =>
  bytes.length >= offset + nonceLength && (bytes[offset + 6]! & 0xf0) === 0x80 && (bytes[offset + 8]! & 0xc0) === 0x80

/** The counter of a nonce, 0 to 2^48 - 1. */
export const counterOf = (nonce: Uint8Array): number =>
  (nonce[10]! << 8 | nonce[11]!) * 0x1_0000_0000
  + ((nonce[12]! << 24 | nonce[13]! << 16 | nonce[14]! << 8 | nonce[15]!) >>> 0)

/** The nonce as a UUID, as it is printed. */
export const print = (nonce: Uint8Array): string => {
  const hex = Buffer.from(nonce.buffer, nonce.byteOffset, nonceLength).toString("hex")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

/** Nonces of one sender: a random epoch, then one, two, three, … Never the same twice. */
export class NonceSequence {
  readonly #random: (length: number) => Uint8Array
  #epoch: Uint8Array
  #counter = 0

  constructor(random: (length: number) => Uint8Array) {
    this.#random = random
    this.#epoch = epochOf(random(epochLength))
  }

  /** Writes the next nonce. */
  next(target: Uint8Array, offset: number): void {
    if (this.#counter === counterEnd) {
      this.#epoch = epochOf(this.#random(epochLength))
      this.#counter = 0
    }
    const counter = this.#counter++
    const high = Math.floor(counter / 0x1_0000_0000)
    target.set(this.#epoch, offset)
    target[offset + 10] = high >>> 8
    target[offset + 11] = high
    target[offset + 12] = counter >>> 24
    target[offset + 13] = counter >>> 16
    target[offset + 14] = counter >>> 8
    target[offset + 15] = counter
  }
}
