import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import { CryptoCore } from "../../services/CryptoCore.ts"
import * as Ed25519 from "./Ed25519.ts"
import * as HmacSha256 from "./HmacSha256.ts"

/** Random bytes are drawn this many at a time: one system call costs 1.3 µs however few are asked for. */
const randomPoolLength = 4096
/** Salt of every HKDF (RFC 5869): names the protocol, so that a root shared with other software stays separate. */
const hkdfSalt = Buffer.from("effect-pic/v1")

const hkdf = (root: Redacted.Redacted<Uint8Array>, info: string, length: number): Uint8Array =>
  new Uint8Array(Crypto.hkdfSync("sha256", Redacted.value(root), hkdfSalt, Buffer.from(info), length))

/** Random bytes from a pool; what was handed out is erased from it. */
const makeRandom = () => {
  const pool = Buffer.alloc(randomPoolLength)
  let used = randomPoolLength
  return (length: number): Uint8Array => {
    if (length > randomPoolLength / 4) return new Uint8Array(Crypto.randomBytes(length))
    if (used + length > randomPoolLength) {
      Crypto.randomFillSync(pool)
      used = 0
    }
    const bytes = new Uint8Array(length)
    bytes.set(pool.subarray(used, used + length))
    pool.fill(0, used, used + length)
    used += length
    return bytes
  }
}

const make = (hmac: HmacSha256.Hmac) => {
  const random = makeRandom()
  const computed = Buffer.alloc(HmacSha256.macLength)
  // A plain view of the same bytes: `slice` of a Buffer would be another view, and callers copy by `slice`.
  const computedBytes = new Uint8Array(computed.buffer, computed.byteOffset, HmacSha256.macLength)
  return CryptoCore.of({
    deriveKeyUnsafe: (root, { id, info, purpose }) => {
      const secret = hkdf(root, `${purpose}\0${info}`, HmacSha256.macLength)
      const key = HmacSha256.makeKey(id, purpose, secret)
      secret.fill(0)
      return key
    },
    deriveBytesUnsafe: (root, info, length) => Redacted.make(hkdf(root, info, length)),
    macUnsafe: (key, data, more) => {
      HmacSha256.writeMac(more === undefined ? hmac(key, data) : HmacSha256.reference(key, data, more), computed, 0)
      return computedBytes
    },
    verifyMacUnsafe: (key, data, mac, more) => {
      if (mac.length !== HmacSha256.macLength) return false
      HmacSha256.writeMac(more === undefined ? hmac(key, data) : HmacSha256.reference(key, data, more), computed, 0)
      return Crypto.timingSafeEqual(computed, mac)
    },
    sha256Unsafe: (data) => Buffer.from(Crypto.hash("sha256", data, "binary"), "latin1"),
    randomBytesUnsafe: random,
    generateSigningKeyUnsafe: () => {
      const seed = Redacted.make(random(32))
      return { seed, publicKey: Ed25519.publicKeyOf(seed) }
    },
    signUnsafe: Ed25519.sign,
    verifySignatureUnsafe: Ed25519.verify
  })
}

/**
 * Layer over `node:crypto` with the fast HMAC, where it passes the RFC 4231 vectors and agrees with `createHmac` at
 * start-up, and with `createHmac` where it does not.
 */
export const layer: Layer.Layer<CryptoCore> = Layer.sync(CryptoCore, () => {
  const fast = HmacSha256.makePreparedPad()
  return make(HmacSha256.selfCheck(fast) ? fast : HmacSha256.reference)
})

/** Layer over `node:crypto` that always uses `createHmac`: the reference that the fast form is compared with. */
export const layerReference: Layer.Layer<CryptoCore> = Layer.sync(CryptoCore, () => make(HmacSha256.reference))
