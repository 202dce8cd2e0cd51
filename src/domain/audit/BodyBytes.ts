import type { AuditBody } from "./AuditRecord.ts"
import { bodyBytesMax } from "./RecordBytes.ts"

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder()

/** Longest text that a body too large to keep whole may still keep of each field. */
const textKept = 256

/** Fields that a body too large to keep whole may still keep. */
const fieldsKept = 32

const shortened = (body: AuditBody, bytes: number): AuditBody => {
  const kept: { [key: string]: string | number | boolean } = { shortenedFromBytes: bytes }
  for (const [key, value] of Object.entries(body).slice(0, fieldsKept)) {
    if (typeof value === "string") kept[key.slice(0, textKept)] = value.slice(0, textKept)
    else if (typeof value === "number" || typeof value === "boolean") kept[key.slice(0, textKept)] = value
  }
  return kept
}

/**
 * A body as the UTF-8 JSON bytes that are stored and hashed. Never fails: what is too large is shortened and says so,
 * what JSON cannot hold leaves a note of that.
 */
export const encodeBody = (body: AuditBody): Uint8Array => {
  try {
    const bytes = utf8.encode(JSON.stringify(body))
    return bytes.length <= bodyBytesMax ? bytes : utf8.encode(JSON.stringify(shortened(body, bytes.length)))
  } catch {
    return utf8.encode(JSON.stringify({ unreadable: true }))
  }
}

/** A stored body as a value; one that is not a JSON object gives no fields. For people and filters, not for verifying. */
export const decodeBody = (bytes: Uint8Array): AuditBody => {
  try {
    const value: unknown = JSON.parse(fromUtf8.decode(bytes))
    return isBody(value) ? value : {}
  } catch {
    return {}
  }
}

const isBody = (value: unknown): value is AuditBody =>
  typeof value === "object" && value !== null && !Array.isArray(value)
