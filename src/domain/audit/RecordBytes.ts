/** SHA-256 of bytes, 32 bytes. Given by the caller: the domain owns no cryptography. */
export type Sha256 = (data: Uint8Array) => Uint8Array

/** HMAC-SHA256 with the audit key that the caller chose, 32 bytes. */
export type Mac = (data: Uint8Array) => Uint8Array

/** Bytes of a SHA-256 hash and of an HMAC-SHA256. */
export const hashLength = 32

/** Bytes of a log's random identity. */
export const logIdLength = 16

/** Most bytes of a record's body: a decision with eight findings needs 6 KiB, so 64 KiB is never a reason to cut one. */
export const bodyBytesMax = 65_536

/** Most UTF-8 bytes of a kind or a key id: with more, a head would not fit a disk sector. */
export const nameBytesMax = 48

/** Everything of a record that its hash covers. */
export interface RecordContent {
  readonly seq: number
  readonly time: number
  readonly kind: string
  readonly keyId: string
  readonly prevHash: Uint8Array
  readonly body: Uint8Array
}

const utf8 = new TextEncoder()
const names = new Map<string, Uint8Array>()

/** Kinds and key ids repeat for the whole life of a log: their bytes are kept, for at most this many of them. */
const namesMax = 256

const nameBytes = (name: string): Uint8Array => {
  const cached = names.get(name)
  if (cached !== undefined) return cached
  const bytes = utf8.encode(name)
  if (names.size < namesMax) names.set(name, bytes)
  return bytes
}

/** Whether a kind or key id fits its length byte. */
export const isName = (name: string): boolean => {
  const length = nameBytes(name).length
  return length > 0 && length <= nameBytesMax
}

const magic = 0x50494352 // "PICR"
const version = 1
const fixedLength = 4 + 1 + 8 + 8 + 1 + 1 + hashLength + 4

/**
 * The bytes that a record's hash covers, big-endian, every variable part with its length before it:
 * `"PICR"`, version `u8` = 1, seq `u64`, time `f64` (epoch ms), kind `u8` length + UTF-8, key id `u8` length + UTF-8,
 * previous hash 32 bytes, body `u32` length + bytes.
 */
export const encodeRecord = (record: RecordContent): Uint8Array => {
  const kind = nameBytes(record.kind)
  const keyId = nameBytes(record.keyId)
  const bytes = new Uint8Array(fixedLength + kind.length + keyId.length + record.body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint8(4, version)
  view.setUint32(5, Math.floor(record.seq / 0x1_0000_0000))
  view.setUint32(9, record.seq >>> 0)
  view.setFloat64(13, record.time)
  let at = 21
  view.setUint8(at++, kind.length)
  bytes.set(kind, at)
  at += kind.length
  view.setUint8(at++, keyId.length)
  bytes.set(keyId, at)
  at += keyId.length
  bytes.set(record.prevHash, at)
  at += hashLength
  view.setUint32(at, record.body.length)
  bytes.set(record.body, at + 4)
  return bytes
}

const fromUtf8 = new TextDecoder()

/** The content that `encodeRecord` made these bytes of, or `undefined` where they are not all of one record. */
export const decodeRecord = (bytes: Uint8Array): RecordContent | undefined => {
  if (bytes.length < fixedLength) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0) !== magic || view.getUint8(4) !== version) return undefined
  const kindEnd = 22 + view.getUint8(21)
  const keyIdEnd = kindEnd + 1 + (bytes[kindEnd] ?? 0)
  const bodyAt = keyIdEnd + hashLength + 4
  if (bodyAt > bytes.length || bodyAt + view.getUint32(bodyAt - 4) !== bytes.length) return undefined
  return {
    seq: view.getUint32(5) * 0x1_0000_0000 + view.getUint32(9),
    time: view.getFloat64(13),
    kind: fromUtf8.decode(bytes.subarray(22, kindEnd)),
    keyId: fromUtf8.decode(bytes.subarray(kindEnd + 1, keyIdEnd)),
    prevHash: bytes.subarray(keyIdEnd, keyIdEnd + hashLength),
    body: bytes.subarray(bodyAt)
  }
}

const prefixed = (tag: string, length: number): { readonly bytes: Uint8Array; readonly at: number } => {
  const head = utf8.encode(`${tag}\0`)
  const bytes = new Uint8Array(head.length + length)
  bytes.set(head)
  return { bytes, at: head.length }
}

/** The bytes that a record's MAC covers: `"effect-pic/audit/record/1"`, a zero byte, the record's hash. */
export const recordMacBytes = (hash: Uint8Array): Uint8Array => {
  const { at, bytes } = prefixed("effect-pic/audit/record/1", hash.length)
  bytes.set(hash, at)
  return bytes
}

/** What the first record of a log has as its previous hash: SHA-256 of `"effect-pic/audit/log/1"`, zero, the log's id. */
export const genesisHash = (sha256: Sha256, log: Uint8Array): Uint8Array => {
  const { at, bytes } = prefixed("effect-pic/audit/log/1", log.length)
  bytes.set(log, at)
  return sha256(bytes)
}

/** Whether two byte strings are equal. Not for secrets: it stops at the first difference. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
