/** Bytes from which frames are cut: some twenty frames of one call each. */
const slabLength = 8192

/**
 * Memory for frames, cut from slabs that are freed with their last frame. Node's own slabs are eight times as long: one
 * frame that waits for evidence would keep 64 KiB alive until the next full garbage collection.
 */
export class FramePool {
  #slab = Buffer.allocUnsafeSlow(slabLength)
  #used = 0

  /** A buffer whose contents are undefined. */
  take(length: number): Buffer {
    if (length > slabLength >> 2) return Buffer.allocUnsafeSlow(length)
    if (this.#used + length > slabLength) {
      this.#slab = Buffer.allocUnsafeSlow(slabLength)
      this.#used = 0
    }
    this.#used += length
    return this.#slab.subarray(this.#used - length, this.#used)
  }
}
