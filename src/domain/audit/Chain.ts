import type { AuditKind, AuditRecord } from "./AuditRecord.ts"
import { encodeRecord, type Mac, recordMacBytes, type Sha256 } from "./RecordBytes.ts"

/** The end of a log: how many records, and the hash of the last one (the genesis hash where there is none). */
export interface ChainTail {
  readonly seq: number
  readonly hash: Uint8Array
}

/** An entry that has no place in the chain yet. `time` is epoch milliseconds, `body` the bytes to store. */
export interface ChainEntry {
  readonly time: number
  readonly kind: AuditKind
  readonly body: Uint8Array
}

/** Makes the record that follows `tail`: numbers it, links it, hashes it and signs the hash. */
export const sealRecord = (
  entry: ChainEntry,
  tail: ChainTail,
  keyId: string,
  sha256: Sha256,
  mac: Mac
): AuditRecord => {
  const content = {
    seq: tail.seq + 1,
    time: entry.time,
    kind: entry.kind,
    keyId,
    prevHash: tail.hash,
    body: entry.body
  }
  const hash = sha256(encodeRecord(content))
  return { ...content, hash, mac: mac(recordMacBytes(hash)) }
}
