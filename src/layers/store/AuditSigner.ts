import * as Crypto from "node:crypto"
import * as HmacSha256 from "../crypto/HmacSha256.ts"

/** What records and heads are signed with now. */
export interface AuditSecret {
  readonly id: string
  readonly key: Uint8Array
  readonly checkpointSeed: Uint8Array
}

/** The audit key and the checkpoint key, ready to use in the thread that writes. */
export interface AuditSigner {
  readonly id: string
  readonly mac: (data: Uint8Array) => Uint8Array
  readonly sign: (data: Uint8Array) => Uint8Array
  readonly verify: (data: Uint8Array, signature: Uint8Array) => boolean
}

/** What precedes the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410, section 7). */
const pkcs8Ed25519 = Buffer.from("302e020100300506032b657004220420", "hex")

/** SHA-256 in one call, which is the fastest that Node offers. */
export const sha256 = (data: Uint8Array): Uint8Array => Crypto.hash("sha256", data, "buffer")

/** Prepares the keys of a secret. */
export const makeSigner = ({ checkpointSeed, id, key }: AuditSecret): AuditSigner => {
  const macKey = HmacSha256.makeKey(id, "audit", key)
  const hmac = HmacSha256.makePreparedPad()
  const privateKey = Crypto.createPrivateKey({
    key: Buffer.concat([pkcs8Ed25519, checkpointSeed]),
    format: "der",
    type: "pkcs8"
  })
  const publicKey = Crypto.createPublicKey(privateKey)
  return {
    id,
    mac: (data) => Buffer.from(hmac(macKey, data), "latin1"),
    sign: (data) => Crypto.sign(null, data, privateKey),
    verify: (data, signature) => Crypto.verify(null, data, publicKey, signature)
  }
}
