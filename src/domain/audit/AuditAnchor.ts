import { MerkleTree } from "./MerkleTree.ts"
import type { Sha256 } from "./RecordBytes.ts"

/**
 * Where a log begins whose oldest records were retired: the number and hash of the last retired record, and the Merkle tree
 * up to there. Signed with the checkpoint key under a name of its own, so that no checkpoint can pass as permission to
 * forget what it covers.
 */
export interface AuditAnchor {
  /** Identity of the log, 16 bytes. */
  readonly log: Uint8Array
  readonly seq: number
  /** When the records were retired, epoch milliseconds. */
  readonly time: number
  readonly hash: Uint8Array
  /** Roots of the full subtrees over the retired records, largest first: what later records need of them. */
  readonly peaks: Uint8Array
  readonly signature: Uint8Array
}

/** The Merkle tree over the retired records, or `undefined` where the bytes cannot be one of that size. */
export const anchorTree = (sha256: Sha256, anchor: Pick<AuditAnchor, "seq" | "peaks">): MerkleTree | undefined =>
  MerkleTree.fromBytes(sha256, anchor.seq, anchor.peaks)
