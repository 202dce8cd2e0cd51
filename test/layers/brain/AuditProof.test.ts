import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { decodeProof, encodeProof, verifyProof } from "../../../src/domain/audit/InclusionProof.ts"
import { checkpointBytes } from "../../../src/domain/audit/HeadSigning.ts"
import { InclusionProver, MerkleTree } from "../../../src/domain/audit/MerkleTree.ts"
import { encodeRecord } from "../../../src/domain/audit/RecordBytes.ts"
import { toObject } from "../../../src/domain/audit/AuditExport.ts"
import * as AuditLoggerLayer from "../../../src/layers/brain/AuditLogger.ts"
import { makeSigner, sha256 } from "../../../src/layers/store/AuditSigner.ts"
import * as Stores from "../../../src/layers/store/AuditStore.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { AuditStore } from "../../../src/services/AuditStore.ts"
import { KeyManager } from "../../../src/services/KeyManager.ts"
import { secret } from "../../support/audit/Files.ts"
import { holds, type PrintedRecord } from "../../support/audit/ForeignVerifier.ts"
import { foundation, inFreshDirectory } from "../store/Setup.ts"

const printed = (record: Parameters<typeof toObject>[0]): PrintedRecord =>
  JSON.parse(JSON.stringify(toObject(record))) as PrintedRecord

const logger = inFreshDirectory((directory) =>
  AuditLoggerLayer.layer.pipe(Layer.provideMerge(Stores.layerSqlite), Layer.provideMerge(foundation(directory)))
)

describe("AuditLogger.prove", () => {
  it.live("convinces a verifier that shares nothing with the log, and only of what was written", () =>
    Effect.gen(function*() {
      const audit = yield* AuditLogger
      const keys = yield* KeyManager
      for (let n = 0; n < 9; n++) audit.recordUnsafe("block", { fn: "pay", n })
      yield* audit.flush
      // A checkpoint may be a second behind; the store signs one over everything within that time.
      const store = yield* AuditStore
      while (((yield* store.head)?.checkpoint.seq ?? 0) < 9) yield* Effect.sleep("20 millis")
      const publicKey = keys.checkpointPublicKeyUnsafe()
      for (const seq of [1, 6, 9]) {
        const proof = yield* audit.prove(seq)
        const bytes = Buffer.from(encodeProof(proof))
        const record = printed(proof.record)
        assert.isTrue(holds(record, bytes, publicKey), `record ${seq}`)
        assert.isFalse(holds({ ...record, time: record.time + 1 }, bytes, publicKey), "another time")
        assert.isFalse(holds({ ...record, kind: "allow" }, bytes, publicKey), "another kind")
        for (let at = 0; at < bytes.length; at += 3) {
          const changed = Buffer.from(bytes)
          changed[at]! ^= 1 << at % 8
          // The hash of the last record is signed, so every byte counts.
          assert.isFalse(holds(record, changed, publicKey), `byte ${at} of the proof of ${seq}`)
        }
      }
      for (const seq of [0, 10, 1.5]) {
        const error = yield* Effect.flip(audit.prove(seq))
        assert.strictEqual(
          error.message,
          `evidence is unavailable: the signed checkpoint covers records 1 to 9, not ${seq}`
        )
      }
    }).pipe(Effect.provide(logger)))

  it("needs 814 bytes in a log of a million records", () => {
    const signer = makeSigner(secret)
    const [size, seq] = [1_000_000, 123_456]
    const content = {
      seq,
      time: 5,
      kind: "block" as const,
      keyId: "k1",
      prevHash: new Uint8Array(32),
      body: Buffer.from("{}")
    }
    const hash = sha256(encodeRecord(content))
    // All other records are alike here, so that a few hashes are all that the tree needs.
    const known = new Map<string, Uint8Array>()
    const hashOnce = (data: Uint8Array): Uint8Array => {
      const name = Buffer.from(data).toString("latin1")
      const result = known.get(name) ?? sha256(data)
      known.set(name, result)
      return result
    }
    const prover = new InclusionProver(hashOnce, seq - 1, size)
    const tree = new MerkleTree(hashOnce)
    const other = Buffer.alloc(32)
    for (let n = 1; n <= size; n++) {
      prover.append(n === seq ? hash : other)
      tree.append(n === seq ? hash : other)
    }
    const log = new Uint8Array(16)
    const statement = { seq: size, time: 1, hash: other, root: tree.root() }
    const checkpoint = { ...statement, signature: signer.sign(checkpointBytes(log, statement)) }
    const record = { ...content, hash, mac: hash }
    const bytes = encodeProof({ record, log, checkpoint, path: prover.path()! })
    assert.strictEqual(bytes.length, 814)
    const decoded = decodeProof(record, bytes)
    assert.isTrue(decoded !== undefined && verifyProof(decoded, { sha256, verifySignature: signer.verify }))
    for (const length of [0, 100, bytes.length - 1]) assert.isUndefined(decodeProof(record, bytes.subarray(0, length)))
  })
})
