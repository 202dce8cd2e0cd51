import { isAuditKind } from "./AuditKinds.ts"
import type { AuditRecord } from "./AuditRecord.ts"
import type { ChainEntry } from "./Chain.ts"

/*
 * Entries and records as one block of bytes, to hand a whole group from thread to thread at the cost of one message. They
 * are not what hashes cover (see RecordBytes for that).
 */

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder()

/** A kind that this version does not know is handed on as this one, with an empty hash: no verifier accepts it. */
const unknownKind = "health"

type Part = Uint8Array | number

/** Numbers as `f64`, byte strings as `u32` length + bytes. */
const pack = (count: number, parts: ReadonlyArray<Part>): Uint8Array<ArrayBuffer> => {
  let length = 4
  for (const part of parts) length += typeof part === "number" ? 8 : 4 + part.length
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, count)
  let at = 4
  for (const part of parts) {
    if (typeof part === "number") {
      view.setFloat64(at, part)
      at += 8
    } else {
      view.setUint32(at, part.length)
      bytes.set(part, at + 4)
      at += 4 + part.length
    }
  }
  return bytes
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 4

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get count(): number {
    return this.#view.getUint32(0)
  }

  number(): number {
    const value = this.#view.getFloat64(this.#at)
    this.#at += 8
    return value
  }

  bytes(): Uint8Array {
    const from = this.#at + 4
    this.#at = from + this.#view.getUint32(this.#at)
    return this.#bytes.subarray(from, this.#at)
  }

  text(): string {
    return fromUtf8.decode(this.bytes())
  }
}

/** A group of entries as one block. */
export const packEntries = (entries: ReadonlyArray<ChainEntry>): Uint8Array<ArrayBuffer> =>
  pack(entries.length, entries.flatMap(({ body, kind, time }): Array<Part> => [time, utf8.encode(kind), body]))

/** The entries of a block made by `packEntries`. */
export const unpackEntries = (bytes: Uint8Array): Array<ChainEntry> => {
  const reader = new Reader(bytes)
  return Array.from({ length: reader.count }, () => {
    const time = reader.number()
    const kind = reader.text()
    return { time, kind: isAuditKind(kind) ? kind : unknownKind, body: reader.bytes() }
  })
}

/** The places that entries got in the chain, without what their sender knows already. */
export const packSeals = (records: ReadonlyArray<AuditRecord>): Uint8Array<ArrayBuffer> => {
  const [first] = records
  if (first === undefined) return pack(0, [])
  const head: Array<Part> = [first.seq, first.prevHash, utf8.encode(first.keyId)]
  return pack(records.length, [...head, ...records.flatMap(({ hash, mac }) => [hash, mac])])
}

/** The records that `entries` became, from the block that `packSeals` made of them. */
export const unpackSeals = (bytes: Uint8Array, entries: ReadonlyArray<ChainEntry>): Array<AuditRecord> => {
  const reader = new Reader(bytes)
  if (reader.count === 0) return []
  let seq = reader.number()
  let prevHash = reader.bytes()
  const keyId = reader.text()
  return entries.slice(0, reader.count).map(({ body, kind, time }) => {
    const hash = reader.bytes()
    const record = { seq: seq++, time, kind, keyId, prevHash, hash, mac: reader.bytes(), body }
    prevHash = hash
    return record
  })
}

/** Records as stored, whose kind may be anything that a damaged store holds. */
export type StoredRecord = Omit<AuditRecord, "kind"> & { readonly kind: string }

/** Records as one block. */
export const packRecords = (records: ReadonlyArray<StoredRecord>): Uint8Array<ArrayBuffer> =>
  pack(
    records.length,
    records.flatMap((r): Array<Part> => [
      r.seq,
      r.time,
      utf8.encode(r.kind),
      utf8.encode(r.keyId),
      r.prevHash,
      r.hash,
      r.mac,
      r.body
    ])
  )

/** The records of a block made by `packRecords`. A record of unknown kind comes out with an empty hash. */
export const unpackRecords = (bytes: Uint8Array): Array<AuditRecord> => {
  const reader = new Reader(bytes)
  return Array.from({ length: reader.count }, () => {
    const seq = reader.number()
    const time = reader.number()
    const kind = reader.text()
    const keyId = reader.text()
    const prevHash = reader.bytes()
    const hash = reader.bytes()
    const mac = reader.bytes()
    const body = reader.bytes()
    return isAuditKind(kind)
      ? { seq, time, kind, keyId, prevHash, hash, mac, body }
      : { seq, time, kind: unknownKind, keyId, prevHash, hash: new Uint8Array(0), mac, body }
  })
}
