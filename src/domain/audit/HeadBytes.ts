import type { AuditCheckpoint, AuditHead } from "./AuditHead.ts"
import { signatureLength } from "./HeadSigning.ts"
import { hashLength, isName, logIdLength } from "./RecordBytes.ts"

const version = 1

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url")

const bytesOf = (value: unknown, length: number): Uint8Array | undefined => {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]{1,128}$/.test(value) || value.length % 4 === 1) return undefined
  const binary = atob(value.replaceAll("-", "+").replaceAll("_", "/"))
  return binary.length === length ? Uint8Array.from(binary, (c) => c.charCodeAt(0)) : undefined
}

type Fields = { readonly [name: string]: unknown }

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null

/** A head as one line of JSON, byte strings as base64url without padding: what the head file holds. */
export const headToLine = ({ checkpoint, hash, keyId, log, mac, seq, time }: AuditHead): string =>
  JSON.stringify({
    v: version,
    log: text(log),
    seq,
    time,
    hash: text(hash),
    key: keyId,
    mac: text(mac),
    cp: {
      seq: checkpoint.seq,
      time: checkpoint.time,
      hash: text(checkpoint.hash),
      root: text(checkpoint.root),
      sig: text(checkpoint.signature)
    }
  })

const isSeq = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const toCheckpoint = (value: unknown): AuditCheckpoint | undefined => {
  if (!isFields(value)) return undefined
  const hash = bytesOf(value["hash"], hashLength)
  const root = bytesOf(value["root"], hashLength)
  const signature = bytesOf(value["sig"], signatureLength)
  const { seq, time } = value
  if (hash === undefined || root === undefined || signature === undefined) return undefined
  return isSeq(seq) && typeof time === "number" ? { seq, time, hash, root, signature } : undefined
}

const parse = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** A head from its line, or `undefined` where the line is no head at all (blank, torn, another version). */
export const headFromLine = (line: string): AuditHead | undefined => {
  const value = parse(line)
  if (!isFields(value) || value["v"] !== version) return undefined
  const log = bytesOf(value["log"], logIdLength)
  const hash = bytesOf(value["hash"], hashLength)
  const mac = bytesOf(value["mac"], hashLength)
  const checkpoint = toCheckpoint(value["cp"])
  const { key, seq, time } = value
  if (log === undefined || hash === undefined || mac === undefined || checkpoint === undefined) return undefined
  if (typeof key !== "string" || !isName(key) || !isSeq(seq) || typeof time !== "number") return undefined
  return { log, seq, time, hash, checkpoint, keyId: key, mac }
}
