import type { AuditHead } from "./AuditHead.ts"
import type { AuditRecord } from "./AuditRecord.ts"
import { packRecords, unpackRecords } from "./Frames.ts"
import { encodeRecord, sameBytes, type Sha256 } from "./RecordBytes.ts"

/** Most records that a head carries: each needs some 250 bytes beside its body, so more never fit. */
const carriedMax = 16

/**
 * Records as a head carries them while they are not in the log yet: `u32` length, then the block of `packRecords`.
 * `undefined` where they do not fit `bytesMax`.
 */
export const carryToBytes = (records: ReadonlyArray<AuditRecord>, bytesMax: number): Uint8Array | undefined => {
  if (records.length === 0 || records.length > carriedMax) return undefined
  const bodies = records.reduce((sum, { body }) => sum + body.length, 0)
  if (bodies > bytesMax) return undefined
  const block = packRecords(records)
  if (4 + block.length > bytesMax) return undefined
  const bytes = new Uint8Array(4 + block.length)
  new DataView(bytes.buffer).setUint32(0, block.length)
  bytes.set(block, 4)
  return bytes
}

const unpack = (bytes: Uint8Array): ReadonlyArray<AuditRecord> => {
  if (bytes.length < 8) return []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(0)
  if (length < 4 || 4 + length > bytes.length || view.getUint32(4) > carriedMax) return []
  try {
    return unpackRecords(bytes.slice(4, 4 + length))
  } catch {
    return []
  }
}

/**
 * The records that these bytes carry for a head: none, unless they follow each other and end with the very record that
 * the head covers. The head's MAC covers the hash of that one, and so all of them.
 */
export const carriedRecords = (sha256: Sha256, bytes: Uint8Array, head: AuditHead): ReadonlyArray<AuditRecord> => {
  const records = unpack(bytes)
  const last = records.at(-1)
  if (last === undefined || last.seq !== head.seq || !sameBytes(last.hash, head.hash)) return []
  const sound = records.every((record, i) => {
    const before = records[i - 1]
    return sameBytes(sha256(encodeRecord(record)), record.hash) &&
      (before === undefined || record.seq === before.seq + 1 && sameBytes(record.prevHash, before.hash))
  })
  return sound ? records : []
}
