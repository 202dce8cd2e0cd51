import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { AuditBody } from "../../../src/domain/audit/AuditRecord.ts"
import { encodeProof } from "../../../src/domain/audit/InclusionProof.ts"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import { toObject } from "../../../src/domain/audit/AuditExport.ts"
import * as AuditLoggerLayer from "../../../src/layers/brain/AuditLogger.ts"
import { verifierCrypto } from "../../../src/layers/brain/AuditReader.ts"
import { retire, segmentRecords } from "../../../src/layers/brain/AuditRetention.ts"
import * as Stores from "../../../src/layers/store/AuditStore.ts"
import * as AuditLog from "../../../src/runtime/cli/AuditLog.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { AuditStore } from "../../../src/services/AuditStore.ts"
import { CryptoCore } from "../../../src/services/CryptoCore.ts"
import { KeyManager } from "../../../src/services/KeyManager.ts"
import { holds, type PrintedRecord } from "../../support/audit/ForeignVerifier.ts"
import { body, foundation, temporaryDirectory } from "../store/Setup.ts"
import { bodyOf } from "./AuditSetup.ts"

/** Appends so many records, the time of each being its number, and waits until a checkpoint covers them. */
const fill = (count: number) =>
  Effect.gen(function*() {
    const store = yield* AuditStore
    const first = (yield* store.lastSeq) + 1
    for (let from = first; from < first + count; from += 256) {
      const length = Math.min(256, first + count - from)
      yield* store.append(
        Array.from({ length }, (_, i) => ({ time: from + i, kind: "block" as const, body: body({ n: from + i }) }))
      )
    }
    const last = yield* store.lastSeq
    while (((yield* store.head)?.checkpoint.seq ?? 0) < last) yield* Effect.sleep("20 millis")
  })

const retireBefore = (before: number) =>
  Effect.gen(function*() {
    const audit = yield* AuditLogger
    const keys = yield* KeyManager
    const retiring = {
      crypto: verifierCrypto(yield* CryptoCore, keys),
      sign: keys.signCheckpointUnsafe,
      witnesses: [],
      record: (content: AuditBody) => audit.record("operator", content)
    }
    return yield* retire(yield* AuditStore, retiring, before, 5)
  })

const inDirectory = Effect.fnUntraced(function*(settings: SettingsInput["audit"] = {}) {
  const directory = yield* temporaryDirectory
  const build = Layer.build(
    AuditLoggerLayer.layer.pipe(
      Layer.provideMerge(Stores.layerSqlite),
      Layer.provideMerge(foundation(directory, { audit: { wait_ms: 5_000, ...settings } }))
    )
  )
  const sql = (text: string) => {
    const db = new DatabaseSync(Path.join(directory, "audit.db"))
    try {
      db.exec(text)
    } finally {
      db.close()
    }
  }
  return { build, sql }
})

describe("audit retention", () => {
  it.live("retires whole segments, says so, and what is left verifies, proves and goes on", () =>
    Effect.gen(function*() {
      const { build } = yield* inDirectory()
      yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* build
        yield* Effect.gen(function*() {
          yield* fill(2 * segmentRecords + 500)
          assert.strictEqual(yield* retireBefore(segmentRecords), 0, "the last record of the segment is not older")
          assert.strictEqual(yield* retireBefore(2 * segmentRecords + 300), 2 * segmentRecords)
          const audit = Context.get(context, AuditLogger)
          const report = yield* audit.verify
          assert.deepInclude(report, { ok: true, retired: 2_048, records: 501, headSeq: 2_549 })
          assert.strictEqual(
            report.detail,
            "501 records verified after 2048 that were retired; the head covers 2549"
          )
          const heads = yield* Context.get(context, AuditStore).heads
          assert.deepStrictEqual(yield* AuditLog.verify(heads), report, "pic audit verify says the same")
          const { records: [note], total } = yield* audit.query({ kind: "operator" })
          assert.strictEqual(total, 1)
          assert.deepInclude(bodyOf(note!), { action: "retire records", from: 1, through: 2_048 })
          const proof = yield* audit.prove(2_100)
          const record = JSON.parse(JSON.stringify(toObject(proof.record))) as PrintedRecord
          const publicKey = Context.get(context, KeyManager).checkpointPublicKeyUnsafe()
          assert.isTrue(holds(record, Buffer.from(encodeProof(proof)), publicKey))
          assert.match((yield* Effect.flip(audit.prove(5))).message, /records 1 to 2048 were retired/)
        }).pipe(Effect.provide(context))
      }))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Effect.gen(function*() {
          yield* fill(segmentRecords)
          assert.strictEqual(yield* retireBefore(1e15), segmentRecords)
          const report = yield* (yield* AuditLogger).verify
          assert.deepInclude(report, { ok: true, retired: 3_072 })
          yield* fill(1)
          assert.isTrue((yield* (yield* AuditLogger).verify).ok)
        }).pipe(Effect.provide(yield* build))
      }))
    }))

  it.live("looks for old records at every start, where audit.retention_days says so", () =>
    Effect.gen(function*() {
      for (const days of ["off", 30] as const) {
        const { build } = yield* inDirectory({ retention_days: days })
        yield* Effect.scoped(Effect.provide(fill(2 * segmentRecords + 200), yield* build))
        yield* Effect.scoped(Effect.gen(function*() {
          const context = yield* build
          const store = Context.get(context, AuditStore)
          const tries = days === "off" ? 10 : 500
          for (let n = 0; n < tries && (yield* store.anchor) === undefined; n++) yield* Effect.sleep("20 millis")
          assert.strictEqual((yield* store.anchor)?.seq, days === "off" ? undefined : 2_048)
          assert.isTrue((yield* Context.get(context, AuditLogger).verify).ok)
        }))
      }
    }))

  it.live("retires nothing of a damaged log, as that would bury the damage", () =>
    Effect.gen(function*() {
      const { build, sql } = yield* inDirectory()
      yield* Effect.gen(function*() {
        yield* fill(segmentRecords + 10)
        sql("UPDATE record SET body = CAST('{\"n\":0}' AS BLOB) WHERE seq = 7")
        assert.match((yield* Effect.flip(retireBefore(1e9))).message, /damaged: the content of record 7/)
        assert.isUndefined(yield* (yield* AuditStore).anchor)
        assert.lengthOf(yield* (yield* AuditStore).read(1, 10), 10)
      }).pipe(Effect.provide(yield* build))
    }))

  it.live("nobody without the checkpoint key can make a log forget", () =>
    Effect.gen(function*() {
      const { build, sql } = yield* inDirectory()
      yield* Effect.gen(function*() {
        const store = yield* AuditStore
        const audit = yield* AuditLogger
        yield* fill(segmentRecords + 10)
        // A signature that the checkpoint key did make, over the same statement, is none for an anchor.
        const { checkpoint, log } = (yield* store.head)!
        const forged = {
          log,
          seq: 1_024,
          time: 5,
          hash: checkpoint.hash,
          peaks: checkpoint.root,
          signature: checkpoint.signature
        }
        assert.match((yield* Effect.flip(store.retire(forged))).detail, /was not signed for this log/)
        yield* retireBefore(1e9)
        assert.isTrue((yield* audit.verify).ok)
        sql("CREATE TABLE kept AS SELECT * FROM anchor; CREATE TABLE rows AS SELECT * FROM record")
        const restore =
          "DELETE FROM anchor; INSERT INTO anchor SELECT * FROM kept; INSERT OR REPLACE INTO record SELECT * FROM rows"
        const attacks: ReadonlyArray<readonly [string, RegExp]> = [
          ["DELETE FROM anchor", /record 1 is missing/],
          ["DELETE FROM record WHERE seq = 1025", /record 1025 is missing/],
          ["UPDATE anchor SET seq = 1025; DELETE FROM record WHERE seq = 1025", /was not signed by the checkpoint key/],
          ["UPDATE anchor SET time = 6", /was not signed by the checkpoint key/],
          ["UPDATE anchor SET hash = zeroblob(32)", /was not signed by the checkpoint key/],
          ["UPDATE anchor SET peaks = zeroblob(32)", /was not signed by the checkpoint key/],
          ["UPDATE anchor SET signature = zeroblob(64)", /was not signed by the checkpoint key/]
        ]
        for (const [attack, says] of attacks) {
          sql(attack)
          const report = yield* audit.verify
          assert.isFalse(report.ok, attack)
          assert.match(report.detail, says, attack)
          sql(restore)
          assert.isTrue((yield* audit.verify).ok, "the control: what was put back verifies")
        }
      }).pipe(Effect.provide(yield* build))
    }))
})
