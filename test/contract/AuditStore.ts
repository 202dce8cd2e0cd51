import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { bodyBytesMax } from "../../src/domain/audit/RecordBytes.ts"
import { Verifier } from "../../src/domain/audit/Verifier.ts"
import { verifierCrypto } from "../../src/layers/brain/AuditReader.ts"
import { type AuditEntry, AuditStore } from "../../src/services/AuditStore.ts"
import { CryptoCore } from "../../src/services/CryptoCore.ts"
import { KeyManager } from "../../src/services/KeyManager.ts"

const utf8 = new TextEncoder()
const entry = (n: number): AuditEntry => ({ time: 1_000 + n, kind: "block", body: utf8.encode(`{"n":${n}}`) })

/** Reads the whole log and verifies it against its heads. */
export const verified = Effect.gen(function*() {
  const store = yield* AuditStore
  const verifier = new Verifier(verifierCrypto(yield* CryptoCore, yield* KeyManager), yield* store.heads)
  const last = yield* store.lastSeq
  for (let next = 1; next <= last;) {
    const page = yield* store.read(next, 100)
    assert.isNotEmpty(page)
    for (const record of page) verifier.step(record)
    next += page.length
  }
  return verifier.finish()
})

/** What every place for evidence must do. The layer brings a fresh, empty log each time it is built. */
export const suite = <E>(name: string, layer: Layer.Layer<AuditStore | CryptoCore | KeyManager, E>) =>
  describe(`AuditStore (${name})`, () => {
    const fresh = { local: true } as const

    it.live("begins empty, with a head over nothing", () =>
      Effect.gen(function*() {
        const store = yield* AuditStore
        assert.strictEqual(yield* store.lastSeq, 0)
        assert.deepStrictEqual(yield* store.read(1, 10), [])
        assert.strictEqual((yield* store.head)?.seq, 0)
        assert.isTrue((yield* verified).ok)
      }).pipe(Effect.provide(layer, fresh)))

    it.live("numbers, links, signs and keeps what is appended, byte for byte", () =>
      Effect.gen(function*() {
        const store = yield* AuditStore
        const first = yield* store.append([entry(1), entry(2)])
        const second = yield* store.append([entry(3)])
        assert.deepStrictEqual([...first, ...second].map(({ seq }) => seq), [1, 2, 3])
        const records = yield* store.read(1, 10)
        assert.deepStrictEqual(records.map(({ body, kind, time }) => ({ body: new Uint8Array(body), kind, time })), [
          entry(1),
          entry(2),
          entry(3)
        ])
        assert.deepStrictEqual(
          records.map(({ hash }) => new Uint8Array(hash)),
          [...first, ...second].map(({ hash }) => new Uint8Array(hash))
        )
        const report = yield* verified
        assert.isTrue(report.ok, report.detail)
        assert.strictEqual(report.records, 3)
      }).pipe(Effect.provide(layer, fresh)))

    it.live("covers every record by the head before it answers", () =>
      Effect.gen(function*() {
        const store = yield* AuditStore
        for (let n = 1; n <= 70; n++) {
          const [record] = yield* store.append([entry(n)])
          const head = yield* store.head
          assert.strictEqual(head?.seq, n)
          assert.deepStrictEqual(new Uint8Array(head!.hash), new Uint8Array(record!.hash))
          assert.isBelow(head!.seq - head!.checkpoint.seq, 64)
        }
        assert.strictEqual((yield* store.heads).length, 2)
      }).pipe(Effect.provide(layer, fresh)))

    it.live("gives concurrent callers their own records, in one chain without gaps", () =>
      Effect.gen(function*() {
        const store = yield* AuditStore
        const groups = yield* Effect.forEach(
          Array.from({ length: 200 }, (_, n) => n),
          (n) => store.append(n % 3 === 0 ? [entry(n), entry(n + 1_000)] : [entry(n)]),
          { concurrency: "unbounded" }
        )
        for (const [n, group] of groups.entries()) {
          assert.deepStrictEqual(
            group.map(({ body }) => JSON.parse(new TextDecoder().decode(body)).n),
            n % 3 === 0
              ? [n, n + 1_000]
              : [n]
          )
        }
        const report = yield* verified
        assert.isTrue(report.ok, report.detail)
        assert.strictEqual(report.records, groups.flat().length)
      }).pipe(Effect.provide(layer, fresh)))

    it.live("reads from anywhere, at most what is asked for", () =>
      Effect.gen(function*() {
        const store = yield* AuditStore
        yield* store.append(Array.from({ length: 30 }, (_, n) => entry(n)))
        const seqs = (from: number, limit: number) =>
          Effect.map(store.read(from, limit), (rs) => rs.map(({ seq }) => seq))
        assert.deepStrictEqual(yield* seqs(29, 10), [29, 30])
        assert.deepStrictEqual(yield* seqs(5, 3), [5, 6, 7])
        assert.deepStrictEqual(yield* seqs(31, 10), [])
        assert.deepStrictEqual(yield* seqs(1, 0), [])
      }).pipe(Effect.provide(layer, fresh)))

    it.live("keeps verifying after the keys were rotated", () =>
      Effect.gen(function*() {
        const store = yield* AuditStore
        const keys = yield* KeyManager
        const [before] = yield* store.append([entry(1)])
        yield* keys.rotateKeys
        const [after] = yield* store.append([entry(2)])
        assert.notStrictEqual(before!.keyId, after!.keyId)
        assert.isTrue((yield* verified).ok)
      }).pipe(Effect.provide(layer, fresh)))

    it.live("takes the largest body and refuses one that is larger, with everything beside it", () =>
      Effect.gen(function*() {
        const store = yield* AuditStore
        const sized = (length: number): AuditEntry => ({ time: 1, kind: "block", body: new Uint8Array(length) })
        yield* store.append([sized(bodyBytesMax)])
        const error = yield* Effect.flip(store.append([entry(1), sized(bodyBytesMax + 1)]))
        assert.isFalse(error.poisoned)
        assert.strictEqual(yield* store.lastSeq, 1)
        assert.isTrue((yield* verified).ok)
      }).pipe(Effect.provide(layer, fresh)))
  })
