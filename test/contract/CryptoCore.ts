import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { CryptoCore } from "../../src/services/CryptoCore.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"))
const root = Redacted.make(new Uint8Array(32).fill(7))
const keyOf = (crypto: CryptoCore["Service"], purpose: string, info = "link") =>
  crypto.deriveKeyUnsafe(root, { id: "k1", purpose, info })

/** What every CryptoCore promises. */
export const suite = (name: string, layer: Layer.Layer<CryptoCore>) =>
  describe(`CryptoCore (${name})`, () => {
    it.effect("derives by HKDF-SHA256, equally for keys and bytes", () =>
      Effect.gen(function*() {
        const crypto = yield* CryptoCore
        const derived = Redacted.value(crypto.deriveBytesUnsafe(root, "event\0link", 32))
        // Computed with an independent implementation of RFC 5869: salt "effect-pic/v1", info "event\0link".
        assert.strictEqual(hex(derived), "d76865f8ba17277584e4ee2c6e1522551aae2573baaf97905fc2ecf9fe601c16")
      }).pipe(Effect.provide(layer)))

    it.effect("verifies what it signed and nothing else", () =>
      Effect.gen(function*() {
        const crypto = yield* CryptoCore
        const key = keyOf(crypto, "event")
        for (const length of [0, 1, 63, 64, 65, 300, 32_768, 32_769, 100_000]) {
          const data = crypto.randomBytesUnsafe(length)
          const mac = Uint8Array.from(crypto.macUnsafe(key, data))
          assert.isTrue(crypto.verifyMacUnsafe(key, data, mac))
          for (const cut of [0, data.length >> 1, data.length]) {
            const [head, tail] = [data.subarray(0, cut), data.subarray(cut)]
            assert.deepStrictEqual(Uint8Array.from(crypto.macUnsafe(key, head, tail)), mac)
            assert.isTrue(crypto.verifyMacUnsafe(key, head, mac, tail))
          }
          assert.isFalse(crypto.verifyMacUnsafe(keyOf(crypto, "decision"), data, mac))
          assert.isFalse(crypto.verifyMacUnsafe(keyOf(crypto, "event", "other"), data, mac))
          assert.isFalse(crypto.verifyMacUnsafe(key, data, mac.subarray(1)))
          mac[length % 32]! ^= 1
          assert.isFalse(crypto.verifyMacUnsafe(key, data, mac))
        }
      }).pipe(Effect.provide(layer)))

    it.effect("a sliced MAC is a copy that the next MAC does not overwrite", () =>
      Effect.gen(function*() {
        const crypto = yield* CryptoCore
        const key = keyOf(crypto, "state")
        const first = crypto.macUnsafe(key, bytes("01")).slice()
        const kept = hex(first)
        crypto.macUnsafe(key, bytes("02"))
        assert.strictEqual(hex(first), kept)
      }).pipe(Effect.provide(layer)))

    it.effect("hashes the example of FIPS 180-4", () =>
      Effect.gen(function*() {
        const crypto = yield* CryptoCore
        assert.strictEqual(
          hex(crypto.sha256Unsafe(Buffer.from("abc"))),
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
      }).pipe(Effect.provide(layer)))

    it.effect("signs test 2 of RFC 8032 and refuses what was altered", () =>
      Effect.gen(function*() {
        const crypto = yield* CryptoCore
        const seed = Redacted.make(bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        const publicKey = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        const signature = crypto.signUnsafe(seed, bytes("72"))
        assert.strictEqual(
          hex(signature),
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
        assert.isTrue(crypto.verifySignatureUnsafe(publicKey, bytes("72"), signature))
        assert.isFalse(crypto.verifySignatureUnsafe(publicKey, bytes("73"), signature))
        assert.isFalse(crypto.verifySignatureUnsafe(publicKey.slice(1), bytes("72"), signature))
        assert.isFalse(crypto.verifySignatureUnsafe(publicKey, bytes("72"), signature.slice(1)))
        const pair = crypto.generateSigningKeyUnsafe()
        assert.isTrue(
          crypto.verifySignatureUnsafe(pair.publicKey, bytes("00"), crypto.signUnsafe(pair.seed, bytes("00")))
        )
      }).pipe(Effect.provide(layer)))

    it.effect("never hands out the same random bytes twice, whatever the length", () =>
      Effect.gen(function*() {
        const crypto = yield* CryptoCore
        const drawn = Array.from({ length: 2_000 }, (_, i) => crypto.randomBytesUnsafe(12 + i % 50))
        assert.strictEqual(new Set(drawn.map((one) => hex(one.subarray(0, 12)))).size, drawn.length)
        assert.strictEqual(crypto.randomBytesUnsafe(5_000).length, 5_000)
      }).pipe(Effect.provide(layer)))

    it.effect("keys print their name only", () =>
      Effect.gen(function*() {
        const key = keyOf(yield* CryptoCore, "event")
        assert.strictEqual(`${key}`, "MacKey(event, k1)")
        assert.strictEqual(JSON.stringify(key), "\"MacKey(event, k1)\"")
      }).pipe(Effect.provide(layer)))
  })
