import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import { isAuditKind } from "../../domain/audit/AuditKinds.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { decodeRecord, encodeRecord, hashLength, sameBytes } from "../../domain/audit/RecordBytes.ts"
import { sha256 } from "./AuditSigner.ts"

/**
 * Records that the head file has and the database does not have yet, and the text that holds them there: a line for each,
 * base64url of its MAC (32 bytes) and of the bytes that its hash covers.
 */
export interface Carry {
  readonly records: ReadonlyArray<AuditRecord>
  readonly text: string
}

/** Nothing carried: the database has all that the head covers. */
export const nothing: Carry = { records: [], text: "" }

const toLine = (record: AuditRecord): string => {
  const content = encodeRecord(record)
  const bytes = Buffer.allocUnsafe(hashLength + content.length)
  bytes.set(record.mac)
  bytes.set(content, hashLength)
  return `${bytes.toString("base64url")}\n`
}

const fromLine = (line: string): AuditRecord | undefined => {
  const bytes = Buffer.from(line, "base64url")
  const content = bytes.subarray(hashLength)
  const decoded = decodeRecord(content)
  if (decoded === undefined) return undefined
  const { kind } = decoded
  return isAuditKind(kind) ? { ...decoded, kind, hash: sha256(content), mac: bytes.subarray(0, hashLength) } : undefined
}

/** The same with more records behind, or `undefined` where that needs more than `textMax` characters. */
export const extend = (
  { records, text }: Carry,
  more: ReadonlyArray<AuditRecord>,
  textMax: number
): Carry | undefined => {
  // Bodies alone tell of most groups that they do not fit, without making text of them.
  const bodies = more.reduce((sum, { body }) => sum + body.length, 0)
  if (text.length + bodies > textMax) return undefined
  const longer = text + more.map(toLine).join("")
  return longer.length > textMax ? undefined : { records: [...records, ...more], text: longer }
}

/** What is left to carry once the database has the records up to `seq`. */
export const after = (carry: Carry, seq: number): Carry => {
  const records = carry.records.filter((record) => record.seq > seq)
  if (records.length === carry.records.length) return carry
  return { records, text: records.map(toLine).join("") }
}

/**
 * What these lines carry for a head, or `undefined`: unless they follow each other and end with the very record that the
 * head covers, they were torn. The head's MAC covers the hash of that one, and so all of them.
 */
export const carryOf = (text: string, head: AuditHead): Carry | undefined => {
  const records: Array<AuditRecord> = []
  for (const line of text.split("\n").slice(0, -1)) {
    const record = fromLine(line)
    const before = records.at(-1)
    if (record === undefined) return undefined
    if (before !== undefined && !(record.seq === before.seq + 1 && sameBytes(record.prevHash, before.hash))) {
      return undefined
    }
    records.push(record)
  }
  const last = records.at(-1)
  return last !== undefined && last.seq === head.seq && sameBytes(last.hash, head.hash) ? { records, text } : undefined
}
