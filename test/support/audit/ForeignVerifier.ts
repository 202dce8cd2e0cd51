import * as Crypto from "node:crypto"

/**
 * Checks an inclusion proof as docs/evidence.md describes it, and shares no line with the library: what an auditor would
 * write in another language. Knows the public checkpoint key (32 bytes), a record as `pic audit prove --json` prints it and
 * the bytes of the proof.
 */
export interface PrintedRecord {
  readonly seq: number
  readonly time: number
  readonly kind: string
  readonly keyId: string
  readonly prevHash: string
  readonly bodyBytes: string
}

const sha256 = (...parts: ReadonlyArray<Uint8Array | string>): Buffer => {
  const hash = Crypto.createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const number = (write: (bytes: Buffer) => number, length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  write(bytes)
  return bytes
}

const contentHash = ({ bodyBytes, keyId, kind, prevHash, seq, time }: PrintedRecord): Buffer => {
  const named = (name: string) => Buffer.concat([Buffer.of(Buffer.byteLength(name)), Buffer.from(name)])
  const body = Buffer.from(bodyBytes, "base64url")
  return sha256(
    "PICR\u0001",
    number((bytes) => bytes.writeBigUInt64BE(BigInt(seq)), 8),
    number((bytes) => bytes.writeDoubleBE(time), 8),
    named(kind),
    named(keyId),
    Buffer.from(prevHash, "base64url"),
    number((bytes) => bytes.writeUInt32BE(body.length), 4),
    body
  )
}

/** The root that a path leads to, and whether it has the right number of hashes (RFC 9162, section 2.1.3.2). */
const climb = (leaf: Buffer, position: number, size: number, path: ReadonlyArray<Buffer>): Buffer | undefined => {
  let [fn, sn, node] = [BigInt(position), BigInt(size - 1), leaf]
  for (const hash of path) {
    if (sn === 0n) return undefined
    if (fn % 2n === 1n || fn === sn) {
      node = sha256("\u0001", hash, node)
      while (fn % 2n === 0n && fn > 0n) [fn, sn] = [fn / 2n, sn / 2n]
    } else {
      node = sha256("\u0001", node, hash)
    }
    ;[fn, sn] = [fn / 2n, sn / 2n]
  }
  return sn === 0n ? node : undefined
}

/** Whether the record is in the log that the key signed. */
export const holds = (record: PrintedRecord, proof: Buffer, publicKey: Uint8Array): boolean => {
  if (proof.subarray(0, 5).toString("latin1") !== "PICP\u0001" || proof.length < 174) return false
  const seq = Number(proof.readBigUInt64BE(5))
  const size = Number(proof.readBigUInt64BE(29))
  const signature = proof.subarray(109, 173)
  const path = Array.from({ length: proof[173]! }, (_, i) => proof.subarray(174 + 32 * i, 206 + 32 * i))
  if (seq !== record.seq || seq < 1 || seq > size || proof.length !== 174 + 32 * path.length) return false
  const signed = Buffer.concat([Buffer.from("effect-pic/audit/checkpoint/1\0PICC\u0001"), proof.subarray(13, 109)])
  const key = Crypto.createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") },
    format: "jwk"
  })
  if (!Crypto.verify(null, signed, key, signature)) return false
  return climb(sha256("\0", contentHash(record)), seq - 1, size, path)?.equals(proof.subarray(77, 109)) === true
}
