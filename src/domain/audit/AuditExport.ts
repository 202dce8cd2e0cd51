import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { AuditRecord } from "./AuditRecord.ts"
import { escapeLine } from "../Printable.ts"

/** Selects records; times in epoch ms, inclusive. */
export interface AuditFilter {
  readonly kind?: string | undefined
  readonly fn?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

const base64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")

/** Hexadecimal never begins like a formula, as base64url may. */
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** The text of a record's body as stored, or `undefined` where it is not text. */
export const bodyText = (record: AuditRecord): string | undefined => {
  try {
    return utf8.decode(record.body)
  } catch {
    return undefined
  }
}

/** A time in epoch milliseconds as ISO 8601 in UTC; a dash for what is no time. */
export const isoTime = (ms: number): string =>
  Option.match(DateTime.make(ms), { onNone: () => "-", onSome: DateTime.formatIso })

/** The decoded body of a record, or `undefined` where it is no JSON. */
export const bodyOf = (record: AuditRecord): unknown => {
  const text = bodyText(record)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The function that a record is about; empty where it is about none. */
export const functionOf = (record: AuditRecord): string => {
  const body = bodyOf(record)
  return typeof body === "object" && body !== null && "fn" in body && typeof body.fn === "string" ? body.fn : ""
}

/** Whether a record is selected. */
export const matches = (record: AuditRecord, filter: AuditFilter): boolean =>
  (filter.kind === undefined || record.kind === filter.kind) &&
  (filter.since === undefined || record.time >= filter.since) &&
  (filter.until === undefined || record.time <= filter.until) &&
  (filter.fn === undefined || functionOf(record) === filter.fn)

/** A record as one object: hashes and MAC in base64url, the body decoded and, so that the hash can be checked, as stored. */
export const toObject = (record: AuditRecord): { readonly [key: string]: unknown } => ({
  seq: record.seq,
  time: record.time,
  kind: record.kind,
  body: bodyOf(record) ?? null,
  bodyBytes: base64Url(record.body),
  prevHash: base64Url(record.prevHash),
  hash: base64Url(record.hash),
  keyId: record.keyId,
  mac: base64Url(record.mac)
})

/** The header of the CSV export. */
export const csvHeader = "seq,time,kind,fn,body,keyId,prevHash,hash,mac"

/**
 * One CSV cell (RFC 4180): always quoted, control characters as escapes. A cell that a spreadsheet would take for a
 * formula begins with an apostrophe (CWE-1236); leading blanks do not hide it.
 */
export const csvCell = (text: string): string => {
  const escaped = escapeLine(text)
  const safe = /^\s*[=+\-@|%\uff0b\uff0d\uff1d\uff20]/.test(escaped) || /^[\t\r\n]/.test(text) ? `'${escaped}` : escaped
  return `"${safe.replaceAll("\"", "\"\"")}"`
}

/** A record as one CSV line, in the order of `csvHeader`. */
export const toCsv = (record: AuditRecord): string =>
  [
    String(record.seq),
    isoTime(record.time),
    record.kind,
    functionOf(record),
    bodyText(record) ?? hex(record.body),
    record.keyId,
    hex(record.prevHash),
    hex(record.hash),
    hex(record.mac)
  ].map(csvCell).join(",")
