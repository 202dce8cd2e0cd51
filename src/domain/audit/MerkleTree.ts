import { hashLength, sameBytes, type Sha256 } from "./RecordBytes.ts"

const leafPrefix = 0x00
const nodePrefix = 0x01

/** The leaf of an entry as in RFC 6962, section 2.1: SHA-256 of a zero byte and the entry (here: a record's hash). */
export const leafHash = (sha256: Sha256, entry: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + entry.length)
  bytes[0] = leafPrefix
  bytes.set(entry, 1)
  return sha256(bytes)
}

const nodeHash = (sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + 2 * hashLength)
  bytes[0] = nodePrefix
  bytes.set(left, 1)
  bytes.set(right, 1 + hashLength)
  return sha256(bytes)
}

/**
 * The RFC 6962 tree over the hashes of all records, grown one leaf at a time. It keeps only the roots of the full
 * subtrees (at most 53 hashes), which is all that later leaves and the root need.
 */
export class MerkleTree {
  readonly #sha256: Sha256
  readonly #peaks: Array<Uint8Array>
  #size: number

  constructor(sha256: Sha256, size = 0, peaks: ReadonlyArray<Uint8Array> = []) {
    this.#sha256 = sha256
    this.#size = size
    this.#peaks = [...peaks]
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** A tree of its own over the same leaves, and over the records with these hashes after them. */
  with(recordHashes: ReadonlyArray<Uint8Array>): MerkleTree {
    const tree = new MerkleTree(this.#sha256, this.#size, this.#peaks)
    for (const hash of recordHashes) tree.append(hash)
    return tree
  }

  /** Adds the record with this hash. */
  append(recordHash: Uint8Array): void {
    let node = leafHash(this.#sha256, recordHash)
    for (let n = this.#size; n % 2 === 1; n = Math.floor(n / 2)) {
      node = nodeHash(this.#sha256, this.#peaks.pop()!, node)
    }
    this.#peaks.push(node)
    this.#size++
  }

  /** The root over all leaves; SHA-256 of nothing for the empty tree. */
  root(): Uint8Array {
    let root: Uint8Array | undefined
    for (let i = this.#peaks.length - 1; i >= 0; i--) {
      root = root === undefined ? this.#peaks[i]! : nodeHash(this.#sha256, this.#peaks[i]!, root)
    }
    return root ?? this.#sha256(new Uint8Array(0))
  }

  /** The roots of the full subtrees, largest first, one after the other: enough to go on from here. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#peaks.length * hashLength)
    this.#peaks.forEach((peak, i) => bytes.set(peak, i * hashLength))
    return bytes
  }

  /** The tree of `size` leaves from `toBytes`, or `undefined` where the bytes cannot be such a tree. */
  static fromBytes(sha256: Sha256, size: number, bytes: Uint8Array): MerkleTree | undefined {
    let count = 0
    for (let n = size; n > 0; n = Math.floor(n / 2)) count += n % 2
    if (bytes.length !== count * hashLength) return undefined
    const peaks = Array.from(
      { length: count },
      (_, i) => new Uint8Array(bytes.subarray(i * hashLength, (i + 1) * hashLength))
    )
    return new MerkleTree(sha256, size, peaks)
  }
}

/** The part of a tree over positions `from` to `to`, as far as the tree reaches; its full subtrees must not cross the ends. */
const partOf = (sha256: Sha256, tree: MerkleTree, from: number, to: number): MerkleTree => {
  const bytes = tree.toBytes()
  const peaks: Array<Uint8Array> = []
  let start = 0
  for (let i = 0; start < tree.size && start < to; i++) {
    let length = 1
    while (length * 2 <= tree.size - start) length *= 2
    if (start >= from) peaks.push(bytes.subarray(i * hashLength, (i + 1) * hashLength))
    start += length
  }
  return new MerkleTree(sha256, Math.max(0, start - from), peaks)
}

/** Most steps of an inclusion proof: the height of a tree of 2^53 leaves. 20 steps (640 bytes) prove one in a million. */
export const proofLengthMax = 53

/** The largest power of two smaller than `n` (n > 1). */
const split = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/**
 * Collects the inclusion proof of one leaf (RFC 6962, section 2.1.1) while all leaves of the tree are fed to it in order;
 * needs memory for the path only.
 */
export class InclusionProver {
  readonly #target: number
  readonly #size: number
  /** Subtrees of the path that are not complete yet: where each begins and ends, and the tree grown so far. */
  readonly #subtrees: Array<{ readonly from: number; readonly to: number; readonly tree: MerkleTree }>
  #next: number

  /**
   * `target` is the zero-based position of the leaf (seq - 1), `size` the number of leaves of the tree. With a tree over the
   * first leaves (at most up to the target) feeding begins after these.
   */
  constructor(sha256: Sha256, target: number, size: number, begun = new MerkleTree(sha256)) {
    this.#target = target
    this.#size = size
    this.#subtrees = []
    this.#next = begun.size
    let from = 0
    let to = size
    while (to - from > 1) {
      const middle = from + split(to - from)
      const [siblingFrom, siblingTo] = target < middle ? [middle, to] : [from, middle]
      this.#subtrees.push({ from: siblingFrom, to: siblingTo, tree: partOf(sha256, begun, siblingFrom, siblingTo) })
      if (target < middle) to = middle
      else from = middle
    }
  }

  /** Takes the hash of the next record. */
  append(recordHash: Uint8Array): void {
    const at = this.#next++
    if (at === this.#target || at >= this.#size) return
    for (const { from, to, tree } of this.#subtrees) {
      if (at >= from && at < to) return tree.append(recordHash)
    }
  }

  /** The path from the leaf to the root, or `undefined` before all leaves were fed. */
  path(): ReadonlyArray<Uint8Array> | undefined {
    if (this.#next < this.#size) return undefined
    return this.#subtrees.map(({ tree }) => tree.root()).toReversed()
  }
}

/** Checks an inclusion proof as RFC 9162, section 2.1.3.2 describes; shares no state with who made it. */
export const verifyInclusion = (
  sha256: Sha256,
  recordHash: Uint8Array,
  position: number,
  size: number,
  path: ReadonlyArray<Uint8Array>,
  root: Uint8Array
): boolean => {
  if (position < 0 || position >= size || path.length > proofLengthMax) return false
  let fn = position
  let sn = size - 1
  let node = leafHash(sha256, recordHash)
  for (const step of path) {
    if (step.length !== hashLength || sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sha256, step, node)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else {
      node = nodeHash(sha256, node, step)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && sameBytes(node, root)
}
