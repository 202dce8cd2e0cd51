import type { AuditHead } from "./AuditHead.ts"
import type { AuditRecord } from "./AuditRecord.ts"
import { checkpointBytes, signatureLength } from "./HeadSigning.ts"
import { InclusionProver, type MerkleTree, proofLengthMax, verifyInclusion } from "./MerkleTree.ts"
import { encodeRecord, hashLength, logIdLength, sameBytes, type Sha256 } from "./RecordBytes.ts"

/** That one record is in the log which a checkpoint signs, without any other record. */
export interface InclusionProof {
  readonly record: AuditRecord
  /** Identity of the log. */
  readonly log: Uint8Array
  /** The checkpoint; its `seq` is the number of records in the tree. */
  readonly checkpoint: AuditHead["checkpoint"]
  /** Hashes from the leaf to the root: 20 in a tree of a million records. */
  readonly path: ReadonlyArray<Uint8Array>
}

/** What checking a proof needs: the public checkpoint key and no secret. */
export interface ProofCrypto {
  readonly sha256: Sha256
  readonly verifySignature: (data: Uint8Array, signature: Uint8Array) => boolean
}

const magic = 0x50494350 // "PICP"
const version = 1
const fixedLength = 4 + 1 + 8 + logIdLength + 8 + 8 + 2 * hashLength + signatureLength + 1

/**
 * The bytes of a proof, big-endian, to go with its record: `"PICP"`, version `u8` = 1, seq of the record `u64`, log id
 * 16 bytes, seq of the checkpoint `u64`, its time `f64` (epoch ms), hash 32 bytes, root 32 bytes and signature 64 bytes,
 * number of hashes `u8`, the hashes from leaf to root. 814 bytes in a log of a million records.
 */
export const encodeProof = ({ checkpoint, log, path, record }: InclusionProof): Uint8Array => {
  const bytes = new Uint8Array(fixedLength + path.length * hashLength)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint8(4, version)
  view.setBigUint64(5, BigInt(record.seq))
  bytes.set(log, 13)
  let at = 13 + logIdLength
  view.setBigUint64(at, BigInt(checkpoint.seq))
  view.setFloat64(at + 8, checkpoint.time)
  at += 16
  for (const part of [checkpoint.hash, checkpoint.root, checkpoint.signature]) {
    bytes.set(part, at)
    at += part.length
  }
  view.setUint8(at++, path.length)
  path.forEach((hash, i) => bytes.set(hash, at + i * hashLength))
  return bytes
}

/** The proof in `bytes` for a record, or `undefined` where they are none for it. */
export const decodeProof = (record: AuditRecord, bytes: Uint8Array): InclusionProof | undefined => {
  if (bytes.length < fixedLength) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0) !== magic || view.getUint8(4) !== version) return undefined
  if (view.getBigUint64(5) !== BigInt(record.seq)) return undefined
  let at = 13
  const take = (length: number): Uint8Array => bytes.slice(at, at += length)
  const log = take(logIdLength)
  const seq = Number(view.getBigUint64(at))
  const time = view.getFloat64(at + 8)
  at += 16
  const checkpoint = { seq, time, hash: take(hashLength), root: take(hashLength), signature: take(signatureLength) }
  const length = view.getUint8(at++)
  if (length > proofLengthMax || bytes.length !== fixedLength + length * hashLength) return undefined
  return { record, log, checkpoint, path: Array.from({ length }, () => take(hashLength)) }
}

/** Whether a proof holds: the record has its hash, the tree has the record, the checkpoint key signed the tree. */
export const verifyProof = (proof: InclusionProof, { sha256, verifySignature }: ProofCrypto): boolean => {
  const { checkpoint, log, path, record } = proof
  return sameBytes(sha256(encodeRecord(record)), record.hash) &&
    verifySignature(checkpointBytes(log, checkpoint), checkpoint.signature) &&
    verifyInclusion(sha256, record.hash, record.seq - 1, checkpoint.seq, path, checkpoint.root)
}

/** Collects the proof of record `seq` under the checkpoint of a head while all records are shown to it in order. */
export class ProofCollector {
  readonly #head: AuditHead
  readonly #seq: number
  readonly #prover: InclusionProver
  #record: AuditRecord | undefined

  /** `begun` is the tree over records that were retired and will not be shown. */
  constructor(sha256: Sha256, head: AuditHead, seq: number, begun?: MerkleTree) {
    this.#head = head
    this.#seq = seq
    this.#prover = new InclusionProver(sha256, seq - 1, head.checkpoint.seq, begun)
  }

  /** Takes the next record, whether it is before, at or after the wanted one. */
  take(record: AuditRecord): void {
    if (record.seq === this.#seq) this.#record = record
    this.#prover.append(record.hash)
  }

  /** The proof, or `undefined` where not all records of the tree were shown. */
  finish(): InclusionProof | undefined {
    const path = this.#prover.path()
    const { checkpoint, log } = this.#head
    return path === undefined || this.#record === undefined
      ? undefined
      : { record: this.#record, log, checkpoint, path }
  }
}
