import * as Context from "effect/Context"
import type * as Redacted from "effect/Redacted"
import type { MacKey } from "../domain/keys/MacKey.ts"

/**
 * The primitives, all synchronous: HMAC-SHA256, SHA-256, HKDF, random bytes and Ed25519.
 *
 * A failure of a primitive is a defect: there is nothing a caller could do about it.
 */
export class CryptoCore extends Context.Service<CryptoCore, {
  /**
   * HKDF-SHA256 of a root secret into a MAC key for one purpose: the key over
   * `deriveBytesUnsafe(root, purpose + "\0" + info, 32)`. `info` separates directions and boots.
   */
  readonly deriveKeyUnsafe: (
    root: Redacted.Redacted<Uint8Array>,
    options: { readonly id: string; readonly purpose: string; readonly info: string }
  ) => MacKey
  /** HKDF-SHA256 of a root secret into `length` bytes. */
  readonly deriveBytesUnsafe: (
    root: Redacted.Redacted<Uint8Array>,
    info: string,
    length: number
  ) => Redacted.Redacted<Uint8Array>
  /** HMAC-SHA256, 32 bytes, in a buffer that the next call may overwrite: copy to keep. `more` follows `data` uncopied. */
  readonly macUnsafe: (key: MacKey, data: Uint8Array, more?: Uint8Array) => Uint8Array
  /** Whether `mac` is the MAC of `data` and what follows it, compared in constant time. */
  readonly verifyMacUnsafe: (key: MacKey, data: Uint8Array, mac: Uint8Array, more?: Uint8Array) => boolean
  readonly sha256Unsafe: (data: Uint8Array) => Uint8Array
  readonly randomBytesUnsafe: (length: number) => Uint8Array
  /** A new Ed25519 key pair: seed (32 bytes, secret) and public key (32 bytes). */
  readonly generateSigningKeyUnsafe: () => {
    readonly seed: Redacted.Redacted<Uint8Array>
    readonly publicKey: Uint8Array
  }
  readonly signUnsafe: (seed: Redacted.Redacted<Uint8Array>, data: Uint8Array) => Uint8Array
  readonly verifySignatureUnsafe: (publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array) => boolean
}>()("effect-pic/services/CryptoCore") {}
