import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { DatabaseSync } from "node:sqlite"
import { headLength, slotOffsets } from "../../../src/layers/store/HeadFile.ts"
import * as Stores from "../../../src/layers/store/AuditStore.ts"
import { AuditStore } from "../../../src/services/AuditStore.ts"
import { suite, verified } from "../../contract/AuditStore.ts"
import { body, foundation, inFreshDirectory, temporaryDirectory } from "./Setup.ts"

const sqlite = (directory: string, headPath = "") =>
  Stores.layerSqlite.pipe(Layer.provideMerge(foundation(directory, { audit: { head_path: headPath } })))

suite("memory", Stores.layerMemory.pipe(Layer.provideMerge(foundation("memory"))))
suite("sqlite", inFreshDirectory(sqlite))
suite("auto, memory", Stores.layerAuto.pipe(Layer.provideMerge(foundation("memory"))))

const fresh = { local: true } as const
const entry = (n: number) => ({ time: n, kind: "block" as const, body: body({ n }) })
const append = (...ns: ReadonlyArray<number>) => Effect.flatMap(AuditStore, (store) => store.append(ns.map(entry)))
const edit = (directory: string, sql: string) =>
  Effect.sync(() => {
    const db = new DatabaseSync(Path.join(directory, "audit.db"))
    db.exec(sql)
    db.close()
  })

describe("AuditStore (files)", () => {
  it.live("keeps the log over a restart and goes on with it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* append(1, 2).pipe(Effect.provide(sqlite(directory), fresh))
      const report = yield* Effect.andThen(append(3), verified).pipe(Effect.provide(sqlite(directory), fresh))
      assert.isTrue(report.ok, report.detail)
      assert.strictEqual(report.records, 3)
    }))

  it.live("closes with everything in the database and under the checkpoint, so that each record can be proved", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const readOnly = Stores.layerSqliteReadOnly(directory, "")
      // Whichever slot the last checkpoint comes to, beside a head over the same records.
      for (const n of [1, 2, 3]) {
        yield* append(n).pipe(Effect.provide(sqlite(directory), fresh))
        const head = yield* AuditStore.use((store) => store.head).pipe(Effect.provide(readOnly, fresh))
        assert.deepStrictEqual([head?.seq, head?.checkpoint.seq], [n, n])
      }
      const db = new DatabaseSync(Path.join(directory, "audit.db"), { readOnly: true })
      assert.strictEqual(db.prepare("SELECT count(*) AS n FROM record").get()?.["n"], 3)
      db.close()
    }))

  it.live("makes its files for the owner alone", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      const directory = Path.join(parent, "evidence")
      yield* append(1).pipe(
        Effect.andThen(Effect.sync(() => {
          assert.strictEqual(Fs.statSync(directory).mode & 0o777, 0o700)
          for (const name of Fs.readdirSync(directory)) {
            assert.strictEqual(Fs.statSync(Path.join(directory, name)).mode & 0o777, 0o600, name)
          }
          assert.includeMembers(Fs.readdirSync(directory), ["audit.db", "audit.db-wal", "audit.head"])
        })),
        Effect.provide(sqlite(directory), fresh)
      )
    }))

  it.live("puts the head where audit.head_path says", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const elsewhere = Path.join(yield* temporaryDirectory, "apart", "head")
      yield* append(1).pipe(Effect.provide(sqlite(directory, elsewhere), fresh))
      assert.isTrue(Fs.existsSync(elsewhere))
      assert.isFalse(Fs.existsSync(Path.join(directory, "audit.head")))
    }))

  const refusals: ReadonlyArray<
    readonly [what: string, damage: (directory: string) => Effect.Effect<void>, says: RegExp]
  > = [
    ["was cut", (d) => edit(d, "DELETE FROM record WHERE seq > 2"), /ends at record 2 but its head covers 3/],
    ["was emptied", (d) => edit(d, "DELETE FROM record; DELETE FROM tree"), /ends at record 0/],
    [
      "lost its file",
      (d) =>
        Effect.sync(() =>
          Fs.readdirSync(d).filter((n) => n.startsWith("audit.db")).forEach((n) => Fs.rmSync(Path.join(d, n)))
        ),
      /the log was removed/
    ],
    ["lost its head", (d) => Effect.sync(() => Fs.rmSync(Path.join(d, "audit.head"))), /head .* is missing/],
    ["was edited at its end", (d) => edit(d, "UPDATE record SET body = x'00' WHERE seq = 3"), /record 3 is damaged/],
    ["has a forged head", (d) =>
      Effect.sync(() => {
        const path = Path.join(d, "audit.head")
        Fs.writeFileSync(path, Fs.readFileSync(path, "utf8").replaceAll(/"cp":\{"seq":\d/g, "\"cp\":{\"seq\":0"))
      }), /not signed by the checkpoint key/]
  ]
  for (const [what, damage, says] of refusals) {
    it.live(`refuses to add to a log that ${what}, and leaves it as it is`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        yield* append(1, 2, 3).pipe(Effect.provide(sqlite(directory), fresh))
        yield* damage(directory)
        const error = yield* Effect.flip(append(4)).pipe(Effect.provide(sqlite(directory), fresh))
        assert.match(error.message, says)
      }))
  }

  it.live("verifies and goes on with one slot of the head torn", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* Effect.andThen(append(1), append(2)).pipe(Effect.provide(sqlite(directory), fresh))
      const path = Path.join(directory, "audit.head")
      const bytes = Fs.readFileSync(path)
      const text = (offset: number) => bytes.toString("utf8", offset, offset + headLength)
      const newest = text(slotOffsets[0]).includes("\"seq\":2,") ? slotOffsets[0] : slotOffsets[1]
      bytes.fill(0, newest + 200, newest + headLength)
      Fs.writeFileSync(path, bytes)
      const report = yield* Effect.andThen(append(3), verified).pipe(Effect.provide(sqlite(directory), fresh))
      assert.isTrue(report.ok, report.detail)
      assert.strictEqual(report.records, 3)
    }))

  it.live("refuses a schema of another version and a database of another program, with what to do", () =>
    Effect.gen(function*() {
      const newer = yield* temporaryDirectory
      yield* append(1).pipe(Effect.provide(sqlite(newer), fresh))
      yield* edit(newer, "PRAGMA user_version = 2")
      const error = yield* Effect.flip(Effect.asVoid(AuditStore).pipe(Effect.provide(sqlite(newer), fresh)))
      assert.match(error.message, /schema version 2, this release reads version 1; use the release that wrote it/)
      const foreign = yield* temporaryDirectory
      yield* edit(foreign, "CREATE TABLE theirs (n)")
      const other = yield* Effect.flip(Effect.asVoid(AuditStore).pipe(Effect.provide(sqlite(foreign), fresh)))
      assert.match(other.message, /database of another program/)
    }))

  it.live("reads without keys and without writing, while another instance writes", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const missing = yield* Effect.flip(
        Effect.asVoid(AuditStore).pipe(Effect.provide(Stores.layerSqliteReadOnly(directory, ""), fresh))
      )
      assert.match(missing.message, /does not exist/)
      yield* Effect.gen(function*() {
        const writer = yield* AuditStore
        yield* writer.append([entry(1)])
        const writing = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 100 }, (_, n) => n), (n) => writer.append([entry(n)]))
        )
        yield* Effect.gen(function*() {
          const reader = yield* AuditStore
          for (let round = 0; round < 10; round++) assert.isTrue((yield* verified).ok)
          const error = yield* Effect.flip(reader.append([entry(1)]))
          assert.match(error.message, /reading only/)
        }).pipe(Effect.provide(Stores.layerSqliteReadOnly(directory, ""), fresh))
        yield* Fiber.join(writing)
        assert.strictEqual((yield* verified).records, 101)
      }).pipe(Effect.provide(sqlite(directory), fresh))
    }))

  it.live("does not block the event loop while another process holds the lock, and answers everybody", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* Effect.gen(function*() {
        yield* append(1)
        const holder = new DatabaseSync(Path.join(directory, "audit.db"), { timeout: 5_000 })
        holder.exec("BEGIN IMMEDIATE")
        const delay = monitorEventLoopDelay({ resolution: 1 })
        delay.enable()
        const callers = yield* Effect.forkChild(
          Effect.forEach([2, 3, 4], (n) => Effect.exit(append(n)), { concurrency: "unbounded" })
        )
        yield* Effect.sleep("700 millis")
        delay.disable()
        assert.isUndefined(callers.pollUnsafe(), "nobody can be answered while the lock is held")
        holder.exec("ROLLBACK")
        holder.close()
        const exits = yield* Fiber.join(callers)
        assert.isTrue(exits.every(Exit.isSuccess))
        // A store on the event loop would stand still for the whole time; a busy machine for a fraction of it.
        assert.isBelow(delay.max / 1e6, 500)
        assert.isTrue((yield* verified).ok)
      }).pipe(Effect.provide(sqlite(directory), fresh))
    }))
})
