import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { sealMacBytes, stateMacHeader } from "../../../src/domain/audit/StateBytes.ts"
import * as Audits from "../../../src/layers/store/AuditStore.ts"
import * as States from "../../../src/layers/store/StateStore.ts"
import * as Traces from "../../../src/layers/store/TraceStore.ts"
import { AuditStore } from "../../../src/services/AuditStore.ts"
import { StateStore } from "../../../src/services/StateStore.ts"
import { TraceStore } from "../../../src/services/TraceStore.ts"
import { suite } from "../../contract/StateStore.ts"
import { suite as traceSuite, traceEntry } from "../../contract/TraceStore.ts"
import { foundation, inFreshDirectory, temporaryDirectory } from "./Setup.ts"

const sqlite = (directory: string) =>
  Layer.mergeAll(States.layerSqlite, Traces.layerSqlite).pipe(Layer.provide(foundation(directory)))

suite("memory", States.layerMemory)
suite("sqlite", inFreshDirectory(sqlite))
suite("auto, memory", States.layerAuto.pipe(Layer.provide(foundation("memory"))))
traceSuite("memory", Traces.layerMemory)
traceSuite("sqlite", inFreshDirectory(sqlite))
traceSuite("auto, memory", Traces.layerAuto.pipe(Layer.provide(foundation("memory"))))

const fresh = { local: true } as const
const save = (name: string, ...bytes: ReadonlyArray<number>) =>
  Effect.flatMap(StateStore, (store) => store.save(name, Uint8Array.from(bytes)))
const load = (name: string) => Effect.flatMap(StateStore, (store) => store.load(name))
const path = (directory: string) => Path.join(directory, "state.db")
const edit = (directory: string, sql: string, ...values: ReadonlyArray<Uint8Array>) => {
  const db = new DatabaseSync(Path.join(directory, "state.db"))
  try {
    return db.prepare(sql).all(...values)
  } finally {
    db.close()
  }
}

describe("StateStore (file)", () => {
  it.live("keeps values over a restart, in files for the owner alone", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* Effect.andThen(save("a", 1), save("b", 2)).pipe(Effect.provide(sqlite(directory), fresh))
      assert.strictEqual(Fs.statSync(Path.join(directory, "state.db")).mode & 0o777, 0o600)
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* load("a"), { _tag: "Found", bytes: Uint8Array.of(1) })
        yield* save("a", 3)
        assert.deepStrictEqual(yield* load("b"), { _tag: "Found", bytes: Uint8Array.of(2) })
      }).pipe(Effect.provide(sqlite(directory), fresh))
    }))

  it.live("refuses a second owner with what to do, and serves the next one", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* Effect.gen(function*() {
        yield* save("a", 1)
        const error = yield* Effect.flip(Effect.provide(load("a"), sqlite(directory), fresh))
        assert.match(error.message, /state\.db is in use: one process owns it .* own storage\.directory/)
        assert.deepStrictEqual(yield* load("a"), { _tag: "Found", bytes: Uint8Array.of(1) })
      }).pipe(Effect.provide(sqlite(directory), fresh))
      const entry = yield* Effect.provide(load("a"), sqlite(directory), fresh)
      assert.strictEqual(entry._tag, "Found")
    }))

  const tamperings: ReadonlyArray<readonly [what: string, damage: (directory: string, old: Uint8Array) => void]> = [
    ["changed", (d) => edit(d, "UPDATE value SET bytes = x'09' WHERE name = 'a'")],
    ["made longer", (d) => edit(d, "INSERT INTO piece (name, n, bytes) VALUES ('a', 1, x'09')")],
    [
      "stored under another name",
      (d) => edit(d, "UPDATE value SET name = CASE name WHEN 'a' THEN 'b' ELSE 'a' END || ''")
    ],
    ["signed with an unknown key", (d) => edit(d, "UPDATE value SET key_id = 'k0'")],
    ["robbed of the seal", (d) => edit(d, "DELETE FROM seal")],
    [
      "put back to an earlier value",
      (d, old) => edit(d, "UPDATE value SET (bytes, generation, mac) = (x'01', 1, ?)", old)
    ]
  ]
  for (const [what, damage] of tamperings) {
    it.live(`refuses a value that was ${what}, and takes a new one`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        yield* save("a", 1).pipe(Effect.provide(sqlite(directory), fresh))
        const old = edit(directory, "SELECT mac FROM value")[0]!["mac"]
        assert.instanceOf(old, Uint8Array)
        yield* save("a", 2).pipe(Effect.provide(sqlite(directory), fresh))
        damage(directory, old as Uint8Array)
        yield* Effect.gen(function*() {
          const entries = [yield* load("a"), yield* load("b")]
          assert.include(entries.map(({ _tag }) => _tag), "Refused")
          assert.notInclude(entries.map(({ _tag }) => _tag), "Found")
          yield* save("a", 3)
          assert.deepStrictEqual(yield* load("a"), { _tag: "Found", bytes: Uint8Array.of(3) })
        }).pipe(Effect.provide(sqlite(directory), fresh))
        const entry = yield* Effect.provide(load("a"), sqlite(directory), fresh)
        assert.deepStrictEqual(entry, { _tag: "Found", bytes: Uint8Array.of(3) })
      }))
  }

  const replacements: ReadonlyArray<readonly [what: string, replace: (path: string, old: string) => void]> = [
    ["an older one, sound in itself", (path, old) => Fs.copyFileSync(old, path)],
    ["a torn one", (path) => Fs.truncateSync(path, 8_192)],
    ["none", (path) => Fs.rmSync(path)]
  ]
  for (const [what, replace] of replacements) {
    it.live(`refuses all values where the file was replaced by ${what}, and takes new ones`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const old = `${path(directory)}.old`
        yield* Effect.andThen(save("a", 1), save("b", 1)).pipe(Effect.provide(sqlite(directory), fresh))
        Fs.copyFileSync(path(directory), old)
        yield* Effect.andThen(save("a", 2), save("b", 2)).pipe(Effect.provide(sqlite(directory), fresh))
        replace(path(directory), old)
        yield* Effect.gen(function*() {
          assert.strictEqual((yield* load("a"))._tag, "Refused")
          yield* save("a", 3)
          assert.deepStrictEqual(yield* load("a"), { _tag: "Found", bytes: Uint8Array.of(3) })
          assert.strictEqual((yield* load("b"))._tag, "Refused")
        }).pipe(Effect.provide(sqlite(directory), fresh))
        const entries = yield* Effect.all([load("a"), load("b")]).pipe(Effect.provide(sqlite(directory), fresh))
        assert.deepStrictEqual(entries, [{ _tag: "Found", bytes: Uint8Array.of(3) }, { _tag: "Absent" }])
      }))
  }

  it.live("notices that its file was removed while it runs, and goes on with a new one", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* Effect.gen(function*() {
        yield* save("a", 1)
        Fs.rmSync(path(directory))
        const error = yield* Effect.flip(save("a", 2))
        assert.match(error.message, /state\.db was removed/)
        yield* save("a", 3)
      }).pipe(Effect.provide(sqlite(directory), fresh))
      const entry = yield* Effect.provide(load("a"), sqlite(directory), fresh)
      assert.deepStrictEqual(entry, { _tag: "Found", bytes: Uint8Array.of(3) })
    }))

  it.live("goes on with a new file where the damage shows only in a value or in the trace", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const large = new Uint8Array(200_000).fill(1)
      yield* Effect.gen(function*() {
        yield* (yield* StateStore).save("a", large)
        for (let n = 1; n <= 200; n++) (yield* TraceStore).appendUnsafe(traceEntry(n))
      }).pipe(Effect.provide(sqlite(directory), fresh))
      for (const name of ["state.db", "trace.db"]) {
        const file = Path.join(directory, name)
        Fs.writeFileSync(file, Fs.readFileSync(file).fill(0xff, 4_096 * 4))
      }
      yield* Effect.gen(function*() {
        assert.notStrictEqual((yield* Effect.result(load("a")))._tag === "Success" && (yield* load("a"))._tag, "Found")
        yield* Effect.exit((yield* TraceStore).recent(10))
        yield* save("a", 3)
        assert.deepStrictEqual(yield* load("a"), { _tag: "Found", bytes: Uint8Array.of(3) })
        const trace = yield* TraceStore
        trace.appendUnsafe(traceEntry(7))
        assert.deepStrictEqual(yield* trace.recent(10), [traceEntry(7)])
      }).pipe(Effect.provide(sqlite(directory), fresh))
      assert.includeMembers(Fs.readdirSync(directory), ["state.db.damaged", "trace.db.damaged"])
    }))

  it.live("remembers beside the audit head, where that is kept apart, which save was the last", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const apart = Path.join(yield* temporaryDirectory, "head")
      const layer = States.layerSqlite.pipe(Layer.provide(foundation(directory, { audit: { head_path: apart } })))
      yield* save("a", 1).pipe(Effect.provide(layer, fresh))
      const copy = `${directory}.old`
      Fs.cpSync(directory, copy, { recursive: true })
      yield* save("a", 2).pipe(Effect.provide(layer, fresh))
      Fs.cpSync(copy, directory, { recursive: true, force: true })
      Fs.rmSync(copy, { recursive: true })
      const entry = yield* load("a").pipe(Effect.provide(layer, fresh))
      assert.deepStrictEqual(entry, {
        _tag: "Refused",
        detail: "the state file is an old or an empty one: save 1 of 2"
      })
    }))

  it.live("gives back values of many pieces, and of fewer than before", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      for (const length of [262_143, 262_144, 262_145, 1_000_000, 3, 600_000]) {
        const bytes = Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8))
        yield* Effect.flatMap(StateStore, (store) => store.save("a", bytes)).pipe(
          Effect.provide(sqlite(directory), fresh)
        )
        const entry = yield* Effect.provide(load("a"), sqlite(directory), fresh)
        assert.isTrue(entry._tag === "Found" && Buffer.from(entry.bytes).equals(bytes), `${length} bytes`)
      }
      for (const change of ["DELETE FROM piece WHERE n = 2", "UPDATE piece SET n = n + 10 WHERE n = 1"]) {
        edit(directory, change)
        const entry = yield* Effect.provide(load("a"), sqlite(directory), fresh)
        assert.strictEqual(entry._tag, "Refused", change)
      }
    }))

  it("separates what MACs cover", () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
    assert.strictEqual(
      hex(stateMacHeader("ab", 1, Uint8Array.of(7))),
      "6566666563742d7069632f73746174652f3100000000026162000000083ff000000000000000000001"
    )
    const covered = (name: string, value: string) =>
      hex(stateMacHeader(name, 1, Buffer.from(value))) + hex(Buffer.from(value))
    assert.notStrictEqual(covered("ab", ""), covered("a", "b"))
    const mark = (name: string) => ({ name, generation: 1, mac: Uint8Array.of(1) })
    assert.strictEqual(hex(sealMacBytes([mark("a"), mark("b")])), hex(sealMacBytes([mark("b"), mark("a")])))
  })
})

describe("storage thread", () => {
  it.live("is one thread for all stores of a directory", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const threads = Effect.sync(() => Fs.readdirSync("/proc/self/task").length)
      const counts = Fs.existsSync("/proc/self/task")
      yield* Effect.gen(function*() {
        const before = counts ? yield* threads : 0
        yield* save("a", 1)
        const audit = yield* AuditStore
        yield* audit.append([{ time: 1, kind: "start", body: new Uint8Array(2) }])
        yield* Effect.map(TraceStore, (store) => store.appendUnsafe(traceEntry(1)))
        yield* Effect.flatMap(TraceStore, (store) => store.recent(1))
        if (counts) assert.strictEqual(yield* threads, before)
      }).pipe(
        Effect.provide(
          Layer.mergeAll(Audits.layerSqlite, States.layerSqlite, Traces.layerSqlite).pipe(
            Layer.provide(foundation(directory))
          ),
          fresh
        )
      )
    }))
})

describe("TraceStore (file)", () => {
  it.live("keeps recent entries over a restart", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* Effect.map(TraceStore, (store) => {
        for (let n = 1; n <= 3; n++) store.appendUnsafe(traceEntry(n))
      }).pipe(Effect.provide(sqlite(directory), fresh))
      yield* Effect.gen(function*() {
        const store = yield* TraceStore
        assert.deepStrictEqual(yield* store.findDecision("decision-2"), traceEntry(2))
        assert.deepStrictEqual(yield* store.recent(10), [traceEntry(1), traceEntry(2), traceEntry(3)])
      }).pipe(Effect.provide(sqlite(directory), fresh))
    }))
})
