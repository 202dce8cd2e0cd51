import type { AuditCheckpoint, AuditHead } from "./AuditHead.ts"
import { hashLength, logIdLength } from "./RecordBytes.ts"

/** What the MAC of a head covers. */
export type HeadContent = Omit<AuditHead, "mac">

/** What the signature of a checkpoint covers, beside the identity of its log. */
export type CheckpointContent = Omit<AuditCheckpoint, "signature">

/** A checkpoint is at most this many records behind the head. */
export const checkpointRecords = 64

/** A checkpoint is at most this many milliseconds behind the head. */
export const checkpointMs = 1_000

/** Bytes of an Ed25519 signature. */
export const signatureLength = 64

const utf8 = new TextEncoder()
const headMagic = 0x50494348 // "PICH"
const checkpointMagic = 0x50494343 // "PICC"
const anchorMagic = 0x50494341 // "PICA"
const version = 1

/** Offset of what follows magic, version, log id, seq, time and hash, which heads and checkpoints begin with. */
const commonLength = 4 + 1 + logIdLength + 8 + 8 + hashLength

const writeCommon = (
  bytes: Uint8Array,
  magic: number,
  log: Uint8Array,
  { hash, seq, time }: { readonly seq: number; readonly time: number; readonly hash: Uint8Array }
): void => {
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint8(4, version)
  bytes.set(log, 5)
  view.setUint32(5 + logIdLength, Math.floor(seq / 0x1_0000_0000))
  view.setUint32(9 + logIdLength, seq >>> 0)
  view.setFloat64(13 + logIdLength, time)
  bytes.set(hash, 21 + logIdLength)
}

/**
 * The bytes of a checkpoint, big-endian: `"PICC"`, version `u8` = 1, log id 16 bytes, seq `u64`, time `f64` (epoch ms),
 * hash 32 bytes, Merkle root 32 bytes.
 */
export const encodeCheckpoint = (log: Uint8Array, checkpoint: CheckpointContent): Uint8Array =>
  encodeTree(checkpointMagic, log, checkpoint)

const encodeTree = (magic: number, log: Uint8Array, content: CheckpointContent): Uint8Array => {
  const bytes = new Uint8Array(commonLength + hashLength)
  writeCommon(bytes, magic, log, content)
  bytes.set(content.root, commonLength)
  return bytes
}

/**
 * The bytes of a head, big-endian: `"PICH"`, version `u8` = 1, log id 16 bytes, seq `u64`, time `f64` (epoch ms),
 * hash 32 bytes, key id `u8` length + UTF-8, then the bytes of its checkpoint and that one's signature (64 bytes).
 */
export const encodeHead = (head: HeadContent): Uint8Array => {
  const keyId = utf8.encode(head.keyId)
  const checkpoint = encodeCheckpoint(head.log, head.checkpoint)
  const bytes = new Uint8Array(commonLength + 1 + keyId.length + checkpoint.length + signatureLength)
  writeCommon(bytes, headMagic, head.log, head)
  bytes[commonLength] = keyId.length
  bytes.set(keyId, commonLength + 1)
  bytes.set(checkpoint, commonLength + 1 + keyId.length)
  bytes.set(head.checkpoint.signature, commonLength + 1 + keyId.length + checkpoint.length)
  return bytes
}

const tagged = (tag: string, bytes: Uint8Array): Uint8Array => {
  const prefix = utf8.encode(`${tag}\0`)
  const result = new Uint8Array(prefix.length + bytes.length)
  result.set(prefix)
  result.set(bytes, prefix.length)
  return result
}

/** The bytes that a head's MAC covers: `"effect-pic/audit/head/1"`, a zero byte, the head. */
export const headMacBytes = (head: HeadContent): Uint8Array => tagged("effect-pic/audit/head/1", encodeHead(head))

/** The bytes that the checkpoint key signs: `"effect-pic/audit/checkpoint/1"`, a zero byte, the checkpoint. */
export const checkpointBytes = (log: Uint8Array, checkpoint: CheckpointContent): Uint8Array =>
  tagged("effect-pic/audit/checkpoint/1", encodeCheckpoint(log, checkpoint))

/**
 * The bytes that the checkpoint key signs to retire the records up to `seq`: `"effect-pic/audit/anchor/1"`, a zero byte,
 * then as a checkpoint, beginning with `"PICA"`.
 */
export const anchorBytes = (log: Uint8Array, content: CheckpointContent): Uint8Array =>
  tagged("effect-pic/audit/anchor/1", encodeTree(anchorMagic, log, content))
