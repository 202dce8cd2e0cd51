import type { AuditHead } from "./AuditHead.ts"
import { hashLength, isName, logIdLength } from "./RecordBytes.ts"

/** What the MAC and the signature of a head cover. */
export type HeadContent = Omit<AuditHead, "mac" | "signature">

const utf8 = new TextEncoder()
const magic = 0x50494348 // "PICH"
const version = 1
const signatureLength = 64

/**
 * The bytes of a head, big-endian: `"PICH"`, version `u8` = 1, log id 16 bytes, seq `u64`, time `f64` (epoch ms),
 * hash 32 bytes, Merkle root 32 bytes, key id `u8` length + UTF-8.
 */
export const encodeHead = (head: HeadContent): Uint8Array => {
  const keyId = utf8.encode(head.keyId)
  const bytes = new Uint8Array(4 + 1 + logIdLength + 8 + 8 + 2 * hashLength + 1 + keyId.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint8(4, version)
  bytes.set(head.log, 5)
  view.setUint32(21, Math.floor(head.seq / 0x1_0000_0000))
  view.setUint32(25, head.seq >>> 0)
  view.setFloat64(29, head.time)
  bytes.set(head.hash, 37)
  bytes.set(head.root, 37 + hashLength)
  view.setUint8(37 + 2 * hashLength, keyId.length)
  bytes.set(keyId, 38 + 2 * hashLength)
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

/** The bytes that the checkpoint key signs: `"effect-pic/audit/checkpoint/1"`, a zero byte, the head. */
export const checkpointBytes = (head: HeadContent): Uint8Array =>
  tagged("effect-pic/audit/checkpoint/1", encodeHead(head))

const text = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")

const bytesOf = (value: unknown, length: number): Uint8Array | undefined => {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]{1,128}$/.test(value) || value.length % 4 === 1) return undefined
  const binary = atob(value.replaceAll("-", "+").replaceAll("_", "/"))
  return binary.length === length ? Uint8Array.from(binary, (c) => c.charCodeAt(0)) : undefined
}

/** A head as one line of JSON, byte strings as base64url without padding: what the head file holds. */
export const headToLine = (head: AuditHead): string =>
  JSON.stringify({
    v: version,
    log: text(head.log),
    seq: head.seq,
    time: head.time,
    hash: text(head.hash),
    root: text(head.root),
    key: head.keyId,
    mac: text(head.mac),
    sig: text(head.signature)
  })

/** A head from its line, or `undefined` where the line is no head at all (blank, torn, another version). */
export const headFromLine = (line: string): AuditHead | undefined => {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== "object" || value === null) return undefined
  const fields: { readonly [name: string]: unknown } = { ...value }
  const log = bytesOf(fields["log"], logIdLength)
  const hash = bytesOf(fields["hash"], hashLength)
  const root = bytesOf(fields["root"], hashLength)
  const mac = bytesOf(fields["mac"], hashLength)
  const signature = bytesOf(fields["sig"], signatureLength)
  const { key, seq, time, v } = fields
  if (
    v !== version || log === undefined || hash === undefined || root === undefined || mac === undefined ||
    signature === undefined || typeof key !== "string" || !isName(key) || typeof seq !== "number" ||
    !Number.isSafeInteger(seq) || seq < 0 || typeof time !== "number"
  ) return undefined
  return { log, seq, time, hash, root, keyId: key, mac, signature }
}
