import type { AuditBody } from "./AuditRecord.ts"
import { bodyBytesMax } from "./RecordBytes.ts"

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder()

/** Longest text that a body too large to keep whole may still keep of each field. */
const textKept = 256

/** Fields that a body too large to keep whole may still keep. */
const fieldsKept = 32

/** Bytes from which bodies are cut, some hundred summaries; a body that lives longer than the others keeps no more alive. */
const slabBytes = 16 * 1024
/** Most bytes that one UTF-16 code unit takes in UTF-8. */
const bytesPerUnit = 3

/**
 * Encodes text into slabs. Ten thousand functions make as many summaries a second: as buffers of their own they would be
 * small blocks outside the heap, which live until the next full garbage collection and leave the memory in pieces.
 */
class SlabEncoder {
  #slab = new Uint8Array(slabBytes)
  #used = 0

  encode(text: string): Uint8Array {
    const most = text.length * bytesPerUnit
    if (most > slabBytes / 4) return utf8.encode(text)
    if (this.#used + most > slabBytes) {
      this.#slab = new Uint8Array(slabBytes)
      this.#used = 0
    }
    const start = this.#used
    const { written } = utf8.encodeInto(text, this.#slab.subarray(start))
    this.#used = start + written
    return this.#slab.subarray(start, this.#used)
  }
}

const bodies = new SlabEncoder()

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
    const bytes = bodies.encode(JSON.stringify(body))
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
