import * as Result from "effect/Result"
import type { MacKey } from "../../domain/keys/MacKey.ts"
import { asBuffer, ByteReader, view } from "../../domain/wire/ByteReader.ts"
import { ByteWriter } from "../../domain/wire/ByteWriter.ts"
import {
  finish,
  type FramePurpose,
  macLength,
  type OpenedFrame,
  readHeader,
  type RequestRef,
  writeHeader
} from "../../domain/wire/Frame.ts"
import { FramePool } from "../../domain/wire/FramePool.ts"
import { Names } from "../../domain/wire/Interner.ts"
import { NonceSequence } from "../../domain/wire/Nonce.ts"
import type { CryptoCore } from "../../services/CryptoCore.ts"
import type { KeyManager } from "../../services/KeyManager.ts"
import type { SecurityViolation } from "../../services/SecureTransport.ts"
import { refusals } from "./Violations.ts"

/** Names of each kind kept as one string each: the functions of a large service and its agents, at most a few MiB. */
const internedMax = 10_000

/** A frame whose MAC was verified. */
export interface VerifiedFrame {
  readonly bytes: Buffer
  readonly header: OpenedFrame
}

/** Signs and opens frames, with the buffers, names and nonces of one end of a link. Exactly one MAC each. */
export class FrameCodec {
  readonly writer = new ByteWriter()
  readonly reader = new ByteReader()
  readonly names = new Names(internedMax)
  readonly #pool = new FramePool()
  readonly #crypto: CryptoCore["Service"]
  readonly #keys: KeyManager["Service"]
  readonly #nonces: NonceSequence
  readonly #now: () => number
  /** The key of the frame that was started. */
  #key: MacKey

  constructor(crypto: CryptoCore["Service"], keys: KeyManager["Service"], now: () => number) {
    this.#crypto = crypto
    this.#keys = keys
    this.#nonces = new NonceSequence(crypto.randomBytesUnsafe)
    this.#now = now
    this.#key = keys.getActiveKeyUnsafe("event")
  }

  /** Starts a frame; write its body to `writer`, then `sign` it. */
  start(purpose: FramePurpose, agentId: string, request: RequestRef | undefined): void {
    this.#key = this.#keys.getActiveKeyUnsafe(purpose)
    const keyId = this.#key.id
    writeHeader(this.writer, { purpose, agentId, keyId, timestamp: this.#now(), request }, this.#nonces)
  }

  /** The finished frame, signed by the key that its header names. */
  sign(): Buffer {
    const signed = this.writer.written()
    return finish(this.#pool, signed, this.#crypto.macUnsafe(this.#key, signed))
  }

  /**
   * Verifies the origin of a frame and that it travels the right way; its freshness and its body are not looked at. A
   * reply that names exactly the request `expected` gives that object itself.
   */
  open(
    frame: Uint8Array,
    admits: (purpose: FramePurpose) => boolean,
    expected?: RequestRef
  ): Result.Result<VerifiedFrame, SecurityViolation> {
    const bytes = asBuffer(frame)
    const header = readHeader(this.reader, bytes, this.names, expected)
    if (header === undefined || !admits(header.purpose)) return refusals.malformed
    const key = this.#keys.verifyKeyUnsafe(header.purpose, header.keyId)
    if (key === undefined) return refusals.unknown_key
    const signedLength = bytes.length - macLength
    return this.#crypto.verifyMacUnsafe(key, view(bytes, 0, signedLength), view(bytes, signedLength, macLength))
      ? Result.succeed({ bytes, header })
      : refusals.bad_signature
  }
}
