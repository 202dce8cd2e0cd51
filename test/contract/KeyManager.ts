import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createHmac } from "node:crypto"
import { inspect } from "node:util"
import type { Purpose } from "../../src/domain/keys/MacKey.ts"
import { CryptoCore } from "../../src/services/CryptoCore.ts"
import { KeyManager, type KeysetInfo } from "../../src/services/KeyManager.ts"

const purposes: ReadonlyArray<Purpose> = [
  "event",
  "events",
  "outcomes",
  "decision",
  "decisions",
  "ack",
  "audit",
  "state",
  "operator"
]
const data = new Uint8Array([1, 2, 3])

/** A fresh manager on a clock that the test sets, with the default settings (messages live 300 s, plus 5 s ahead). */
export interface Subject<E> {
  readonly layer: Layer.Layer<KeyManager | CryptoCore, E>
  readonly advance: (ms: number) => void
}

const stateOf = (info: KeysetInfo, id: string) => info.keys.find((key) => key.id === id)?.state

/** What every KeyManager promises whose keys can be rotated by hand. */
export const suite = <E>(name: string, make: () => Subject<E>) =>
  describe(`KeyManager (${name})`, () => {
    const test = (
      title: string,
      body: (
        keys: KeyManager["Service"],
        crypto: CryptoCore["Service"],
        advance: (ms: number) => void
      ) => Effect.Effect<void, unknown>
    ) =>
      it.effect(title, () => {
        const subject = make()
        return Effect.gen(function*() {
          yield* body(yield* KeyManager, yield* CryptoCore, subject.advance)
        }).pipe(Effect.provide(subject.layer))
      })

    test("starts with one primary and one backup, and derives each key once", (keys) =>
      Effect.gen(function*() {
        const info = yield* keys.list
        assert.deepStrictEqual(info.keys.map((key) => key.state), ["primary", "staged"])
        for (const purpose of purposes) {
          const key = keys.getActiveKeyUnsafe(purpose)
          assert.strictEqual(key, keys.getActiveKeyUnsafe(purpose))
          assert.strictEqual(key, keys.verifyKeyUnsafe(purpose, key.id))
          assert.strictEqual(key.id, info.keys[0]?.id)
        }
      }))

    test("a key of one purpose verifies no other", (keys, crypto) =>
      Effect.sync(() => {
        for (const signed of purposes) {
          const mac = Uint8Array.from(crypto.macUnsafe(keys.getActiveKeyUnsafe(signed), data))
          for (const verified of purposes) {
            const verifies = crypto.verifyMacUnsafe(keys.getActiveKeyUnsafe(verified), data, mac)
            assert.strictEqual(verifies, signed === verified, `${signed} as ${verified}`)
          }
        }
      }))

    test(
      "rotates: the backup signs, the old key verifies for the longest message age, evidence for ever",
      (keys, _, advance) =>
        Effect.gen(function*() {
          const [old, backup] = (yield* keys.list).keys
          const info = yield* keys.rotateKeys
          assert.strictEqual(info.generation, 2)
          assert.strictEqual(keys.getActiveKeyUnsafe("event").id, backup!.id)
          assert.strictEqual(stateOf(info, old!.id), "retiring")
          assert.isDefined(keys.verifyKeyUnsafe("event", old!.id))
          advance(305_000)
          assert.isDefined(keys.verifyKeyUnsafe("event", old!.id))
          advance(1)
          assert.isUndefined(keys.verifyKeyUnsafe("event", old!.id))
          assert.isUndefined(keys.verifyKeyUnsafe("operator", old!.id))
          assert.isDefined(keys.verifyKeyUnsafe("state", old!.id), "stored state is rewritten at its own pace")
          assert.isDefined(keys.auditKeyUnsafe(old!.id))
          assert.strictEqual(stateOf(yield* keys.list, old!.id), "disabled")
        })
    )

    test("verifies with the backup before it signs, and refuses unknown ids", (keys) =>
      Effect.gen(function*() {
        const backup = (yield* keys.list).keys[1]
        assert.isDefined(keys.verifyKeyUnsafe("event", backup!.id))
        for (const id of ["", "k", "k000000000000", "__proto__", "constructor"]) {
          assert.isUndefined(keys.verifyKeyUnsafe("event", id))
          assert.isUndefined(keys.auditKeyUnsafe(id))
        }
      }))

    test("revokes at once: nothing but old evidence verifies, the backup signs", (keys) =>
      Effect.gen(function*() {
        const [primary, backup] = (yield* keys.list).keys
        const info = yield* keys.revokeKey(primary!.id)
        for (const purpose of purposes) assert.isUndefined(keys.verifyKeyUnsafe(purpose, primary!.id))
        assert.isDefined(keys.auditKeyUnsafe(primary!.id))
        assert.strictEqual(keys.getActiveKeyUnsafe("event").id, backup!.id)
        assert.deepStrictEqual(info.keys.map((key) => key.state), ["disabled", "primary", "staged"])
        const unknown = yield* Effect.flip(keys.revokeKey("nobody"))
        assert.strictEqual(unknown.message, "key nobody: is not in the keyset")
        const again = yield* Effect.flip(keys.revokeKey(primary!.id))
        assert.strictEqual(again.message, `key ${primary!.id}: is already revoked`)
      }))

    test("keeps the feature key through rotations, until it is revoked itself", (keys) =>
      Effect.gen(function*() {
        const before = keys.featureKeyUnsafe()
        yield* keys.rotateKeys
        assert.deepStrictEqual(keys.featureKeyUnsafe(), before)
        yield* keys.revokeKey("features")
        assert.notDeepEqual(keys.featureKeyUnsafe(), before)
      }))

    test("hands the evidence writer the key that verifies its records", (keys, crypto) =>
      Effect.gen(function*() {
        for (let i = 0; i < 2; i++) {
          const secret = keys.auditSecretUnsafe()
          const key = keys.auditKeyUnsafe(secret.id)
          assert.strictEqual(secret.id, keys.getActiveKeyUnsafe("audit").id)
          const mac = createHmac("sha256", Redacted.value(secret.key)).update(data).digest()
          assert.isTrue(crypto.verifyMacUnsafe(key!, data, mac))
          const signature = crypto.signUnsafe(secret.checkpointSeed, data)
          assert.isTrue(crypto.verifySignatureUnsafe(keys.checkpointPublicKeyUnsafe(), data, signature))
          assert.isTrue(
            crypto.verifySignatureUnsafe(keys.checkpointPublicKeyUnsafe(), data, keys.signCheckpointUnsafe(data))
          )
          yield* keys.rotateKeys
        }
      }))

    test("tells what happened, also to those who listen late", (keys) =>
      Effect.gen(function*() {
        yield* keys.rotateKeys
        const events = yield* Stream.runCollect(Stream.take(keys.events, 2))
        assert.deepStrictEqual(Array.from(events, (event) => event.kind), ["created", "rotated"])
      }))

    test("shows no secret", (keys) =>
      Effect.gen(function*() {
        const things = [yield* keys.list, keys.auditSecretUnsafe(), keys.getActiveKeyUnsafe("audit"), keys]
        const shown = things.map((one) => `${JSON.stringify(one)}${inspect(one, { depth: 20, showHidden: true })}`)
          .join()
        const secret = Buffer.from(Redacted.value(keys.auditSecretUnsafe().key))
        for (const form of ["hex", "base64", "base64url"] as const) assert.notInclude(shown, secret.toString(form))
      }))
  })
