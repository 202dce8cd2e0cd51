import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"

/** DER in front of a 32-byte seed: PKCS #8 of Ed25519 (RFC 8410, section 7). */
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")
/** DER in front of a 32-byte public key: SubjectPublicKeyInfo of Ed25519 (RFC 8410, section 4). */
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex")
/** Bytes of a seed and of a public key. */
const keyLength = 32

const privateKeys = new WeakMap<Redacted.Redacted<Uint8Array>, Crypto.KeyObject>()

const privateKeyOf = (seed: Redacted.Redacted<Uint8Array>): Crypto.KeyObject => {
  const known = privateKeys.get(seed)
  if (known !== undefined) return known
  const der = Buffer.concat([privatePrefix, Redacted.value(seed)])
  const key = Crypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  der.fill(0)
  privateKeys.set(seed, key)
  return key
}

/** The public key of a seed, 32 bytes. */
export const publicKeyOf = (seed: Redacted.Redacted<Uint8Array>): Uint8Array =>
  new Uint8Array(
    Crypto.createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" }).subarray(publicPrefix.length)
  )

/** Ed25519 signature (RFC 8032), 64 bytes. */
export const sign = (seed: Redacted.Redacted<Uint8Array>, data: Uint8Array): Uint8Array =>
  new Uint8Array(Crypto.sign(null, data, privateKeyOf(seed)))

/** Whether an Ed25519 signature verifies; a public key that is none verifies nothing. */
export const verify = (publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean => {
  if (publicKey.length !== keyLength || signature.length !== 64) return false
  try {
    const der = Buffer.concat([publicPrefix, publicKey])
    return Crypto.verify(null, data, Crypto.createPublicKey({ key: der, format: "der", type: "spki" }), signature)
  } catch {
    return false
  }
}
