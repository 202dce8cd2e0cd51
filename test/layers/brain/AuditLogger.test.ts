import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as AuditLoggerLayer from "../../../src/layers/brain/AuditLogger.ts"
import { queueRecordsMax } from "../../../src/layers/brain/AuditWriter.ts"
import * as Stores from "../../../src/layers/store/AuditStore.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { AuditStore } from "../../../src/services/AuditStore.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { PicMetrics } from "../../../src/services/PicMetrics.ts"
import { foundation, temporaryDirectory } from "../store/Setup.ts"
import { bodyOf, loggerWith, makeSwitch } from "./AuditSetup.ts"

const fresh = { local: true } as const
const everything = Effect.flatMap(AuditStore, (store) => store.read(1, 4_000))
const records = (count: number) =>
  Effect.flatMap(
    AuditLogger,
    (log) =>
      Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => log.record("block", { fn: "f", n }), {
        concurrency: "unbounded"
      })
  )
const reasons = Effect.flatMap(PicHealth, (health) => Effect.map(health.status, (status) => status.reasons.join("; ")))

/** The files of all spools in a directory. */
const spoolsIn = (directory: string): ReadonlyArray<string> =>
  Fs.readdirSync(directory).filter((name) => name.includes("spool")).map((name) => Path.join(directory, name))

describe("AuditLogger", () => {
  it.effect("answers with the durable record, and counts it", () =>
    Effect.gen(function*() {
      const log = yield* AuditLogger
      const record = yield* log.record("block", { fn: "pay", id: "d-1" })
      assert.deepStrictEqual(bodyOf(record), { fn: "pay", id: "d-1" })
      assert.deepStrictEqual((yield* everything).map(({ seq }) => seq), [record.seq])
      assert.strictEqual((yield* (yield* PicMetrics).getStats).counters.audit_records, 1)
      assert.isTrue((yield* log.verify).ok)
    }).pipe(Effect.provide(loggerWith(makeSwitch()), fresh)))

  it.effect("writes callers that wait at the same time as groups", () => {
    const control = makeSwitch()
    return Effect.gen(function*() {
      const written = yield* records(2_000)
      assert.deepStrictEqual(written.map((record) => bodyOf(record)["n"]), Array.from({ length: 2_000 }, (_, n) => n))
      assert.isAtMost(control.groups.length, 10)
      assert.isAtMost(Math.max(...control.groups), 512)
    }).pipe(Effect.provide(loggerWith(control), fresh))
  })

  it.effect("waits at most audit.wait_ms; the record is still written", () => {
    const control = makeSwitch()
    return Effect.gen(function*() {
      const log = yield* AuditLogger
      control.fault = "hangs"
      const caller = yield* Effect.forkChild(Effect.flip(log.record("block", { id: "late" })))
      yield* TestClock.adjust("49 millis")
      assert.isUndefined(caller.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(caller)).reason._tag, "AuditTimeout")
      control.fault = "none"
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual((yield* everything).map((record) => bodyOf(record)), [{ id: "late" }])
      assert.strictEqual(yield* reasons, "")
    }).pipe(Effect.provide(loggerWith(control), fresh))
  })

  it.effect("says that evidence cannot be written, answers at once, and brings the records in when it can again", () => {
    const control = makeSwitch()
    return Effect.gen(function*() {
      const log = yield* AuditLogger
      control.fault = "refused"
      assert.strictEqual((yield* Effect.flip(log.record("block", { id: "a" }))).reason._tag, "AuditUnavailable")
      assert.strictEqual((yield* Effect.flip(log.record("block", { id: "b" }))).reason._tag, "AuditUnavailable")
      log.recordUnsafe("would_block", { id: "c" })
      assert.match(yield* reasons, /evidence cannot be written: planted failure/)
      assert.strictEqual((yield* Effect.flip(log.flush)).reason._tag, "AuditUnavailable")
      assert.deepStrictEqual(yield* everything, [])
      control.fault = "none"
      yield* TestClock.adjust("10 seconds")
      const [outage, ...spooled] = yield* everything
      assert.strictEqual(outage?.kind, "health")
      assert.include(bodyOf(outage!), { detail: "planted failure", spooled: 3 })
      assert.deepStrictEqual(spooled.map((record) => bodyOf(record)), [
        { id: "a", spooled: true },
        { id: "b", spooled: true },
        { id: "c", spooled: true }
      ])
      assert.strictEqual(yield* reasons, "")
      assert.isTrue((yield* log.verify).ok)
      yield* log.record("block", { id: "d" })
    }).pipe(Effect.provide(loggerWith(control), fresh))
  })

  it.effect("does not let records pile up behind a store that hangs", () => {
    const control = makeSwitch()
    return Effect.gen(function*() {
      const log = yield* AuditLogger
      control.fault = "hangs"
      const caller = yield* Effect.forkChild(Effect.exit(log.record("block", { id: "first" })))
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(caller)))
      assert.match(yield* reasons, /has not answered for 2000 ms/)
      assert.strictEqual((yield* Effect.flip(log.record("block", { id: "second" }))).reason._tag, "AuditUnavailable")
      control.fault = "none"
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual((yield* everything).map((record) => bodyOf(record)["id"]), ["first", undefined, "second"])
      assert.strictEqual(yield* reasons, "")
    }).pipe(Effect.provide(loggerWith(control), fresh))
  })

  it.effect("writes a gap record for what the queue could not hold", () => {
    const control = makeSwitch()
    return Effect.gen(function*() {
      const log = yield* AuditLogger
      control.fault = "hangs"
      log.recordUnsafe("allow", { n: -1 })
      yield* TestClock.adjust("1 millis")
      for (let n = 0; n < queueRecordsMax + 7; n++) log.recordUnsafe("allow", { n })
      log.noteLossUnsafe("outcome", 3)
      log.noteLossUnsafe("outcome", 2)
      log.noteLossUnsafe("nothing", 0)
      control.fault = "none"
      yield* TestClock.adjust("1 seconds")
      yield* log.flush
      const { records: losses } = yield* log.query({ kind: "loss" })
      assert.deepStrictEqual(losses.map((record) => bodyOf(record)["lost"]), [{
        "allow record: queue full": 7,
        outcome: 5
      }])
      assert.strictEqual((yield* log.query({ kind: "allow" })).total, queueRecordsMax + 1)
    }).pipe(Effect.provide(loggerWith(control), fresh))
  })

  it.effect("writes one summary of allowed calls per function and second", () =>
    Effect.gen(function*() {
      const log = yield* AuditLogger
      const summaries = Effect.map(log.query({ kind: "allow_summary" }), (answer) =>
        answer.records.map((record) => [bodyOf(record)["fn"], bodyOf(record)["count"]]))
      for (let n = 0; n < 5; n++) {
        log.noteAllowUnsafe("a")
      }
      log.noteAllowUnsafe("b")
      assert.deepStrictEqual(yield* summaries, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* summaries, [["a", 5], ["b", 1]])
      log.noteAllowUnsafe("a")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* summaries, [["a", 5], ["b", 1], ["a", 1]])
      for (let n = 0; n < AuditLoggerLayer.summaryFunctionsMax + 5; n++) {
        log.noteAllowUnsafe(`f${n}`)
      }
      yield* log.flush
      const last = (yield* log.query({ kind: "allow_summary", fn: "(others)" })).records.map((record) =>
        bodyOf(record)["count"]
      )
      assert.deepStrictEqual(last, [5])
    }).pipe(Effect.provide(loggerWith(makeSwitch()), fresh)))

  it.effect("finds records and says how many there are and how many were checked", () =>
    Effect.gen(function*() {
      const log = yield* AuditLogger
      yield* log.record("start", {})
      yield* TestClock.adjust("10 millis")
      const middle = yield* log.record("block", { fn: "a" })
      yield* log.record("block", { fn: "b" })
      yield* TestClock.adjust("10 millis")
      yield* log.record("violation", { fn: "a" })
      const seqs = (query: Parameters<typeof log.query>[0]) =>
        Effect.map(log.query(query), (answer) => [answer.records.map(({ seq }) => seq), answer.total, answer.scanned])
      assert.deepStrictEqual(yield* seqs({}), [[1, 2, 3, 4], 4, 4])
      assert.deepStrictEqual(yield* seqs({ kind: "block" }), [[2, 3], 2, 4])
      assert.deepStrictEqual(yield* seqs({ fn: "a" }), [[2, 4], 2, 4])
      assert.deepStrictEqual(yield* seqs({ since: middle.time }), [[2, 3, 4], 3, 4])
      assert.deepStrictEqual(yield* seqs({ until: middle.time }), [[1, 2, 3], 3, 4])
      assert.deepStrictEqual(yield* seqs({ kind: "block", limit: 1 }), [[2], 2, 4])
    }).pipe(Effect.provide(loggerWith(makeSwitch()), fresh)))

  it.effect("refuses the answer of a store that hides, changes or rolls back records", () => {
    const control = makeSwitch()
    return Effect.gen(function*() {
      const log = yield* AuditLogger
      yield* records(5)
      control.show = (all) => all.filter(({ seq }) => seq !== 3)
      assert.match(
        (yield* Effect.flip(log.query({ kind: "start" }))).message,
        /the log is damaged: record 3 is missing/
      )
      assert.include(yield* log.verify, { ok: false, damage: "missing", badSeq: 3 })
      control.show = (all) => all.map((record) => record.seq === 2 ? { ...record, kind: "allow" } : record)
      assert.include(yield* log.verify, { ok: false, damage: "bad_hash", badSeq: 2 })
      control.show = (all) => all.filter(({ seq }) => seq < 5)
      assert.include(yield* log.verify, { ok: false, damage: "truncated", badSeq: 5 })
      control.show = (all) => all
      assert.include(yield* log.verify, { ok: true, records: 5, headSeq: 5 })
    }).pipe(Effect.provide(loggerWith(control), fresh))
  })

  it.effect("streams records as they become durable", () =>
    Effect.gen(function*() {
      const log = yield* AuditLogger
      const reader = yield* Effect.forkChild(Stream.runCollect(Stream.take(log.tail, 3)))
      yield* Effect.yieldNow
      yield* TestClock.adjust("1 millis")
      yield* records(3)
      assert.deepStrictEqual((yield* Fiber.join(reader)).map(({ seq }) => seq), [1, 2, 3])
    }).pipe(Effect.provide(loggerWith(makeSwitch()), fresh)))

  it.live("writes what is queued before its scope closes", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const layer = AuditLoggerLayer.layer.pipe(
        Layer.provideMerge(Stores.layerSqlite),
        Layer.provideMerge(foundation(directory))
      )
      yield* Effect.map(AuditLogger, (log) => {
        log.recordUnsafe("start", {})
        log.noteAllowUnsafe("f")
        log.noteLossUnsafe("event", 1)
        log.recordUnsafe("stop", {})
      }).pipe(Effect.provide(layer, fresh))
      const kinds = Effect.map(everything, (all) => all.map(({ kind }) => kind))
      assert.deepStrictEqual(yield* kinds.pipe(Effect.provide(layer, fresh)), [
        "start",
        "stop",
        "allow_summary",
        "loss"
      ])
    }))

  it.live("keeps what could not be written over a restart, and trusts only its own lines", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const broken = makeSwitch()
      broken.fault = "refused"
      yield* Effect.gen(function*() {
        yield* Effect.flip((yield* AuditLogger).record("block", { id: "a" }))
        yield* Effect.flip((yield* AuditLogger).record("block", { id: "b" }))
      }).pipe(Effect.provide(loggerWith(broken, directory), fresh))
      const [spool = ""] = spoolsIn(directory)
      assert.strictEqual(Fs.statSync(spool).mode & 0o777, 0o600)
      const [first] = Fs.readFileSync(spool, "utf8").split("\n")
      Fs.appendFileSync(spool, `${first!.replace("\"kind\":\"block\"", "\"kind\":\"allow\"")}\nnoise\n`)
      yield* Effect.gen(function*() {
        const log = yield* AuditLogger
        yield* log.flush
        const blocks = (yield* log.query({ kind: "block" })).records.map((record) => bodyOf(record))
        assert.deepStrictEqual(blocks, [{ id: "a", spooled: true }, { id: "b", spooled: true }])
        assert.strictEqual((yield* log.query({ kind: "allow" })).total, 0)
        const [loss] = (yield* log.query({ kind: "loss" })).records
        assert.deepStrictEqual(bodyOf(loss!)["lost"], { "spooled record: not signed by us": 2 })
        assert.deepStrictEqual(spoolsIn(directory), [])
      }).pipe(Effect.provide(loggerWith(makeSwitch(), directory), fresh))
    }))

  it.live("spools of several processes keep apart, and the next start recovers those whose process has ended", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const broken = makeSwitch()
      broken.fault = "refused"
      const failing = (id: string) =>
        Effect.gen(function*() {
          yield* Effect.flip((yield* AuditLogger).record("block", { id }))
          yield* Effect.flip((yield* AuditLogger).record("block", { id: `${id}${id}` }))
        }).pipe(Effect.provide(loggerWith(broken, directory), fresh))
      yield* Effect.all([failing("a"), failing("b")], { concurrency: 2 })
      assert.strictEqual(spoolsIn(directory).length, 2, "two that failed at the same time have two files")
      yield* failing("c")
      const [spool = ""] = spoolsIn(directory)
      const foreign = spool.replace(/audit\.\d+-/, `audit.${process.ppid}-`)
      Fs.copyFileSync(spool, foreign)
      const blocks = yield* Effect.gen(function*() {
        const log = yield* AuditLogger
        yield* log.flush
        return (yield* log.query({ kind: "block" })).records.map((record) => String(bodyOf(record)["id"]))
      }).pipe(Effect.provide(loggerWith(makeSwitch(), directory), fresh))
      assert.deepStrictEqual(blocks.toSorted(), ["a", "aa", "b", "bb", "c", "cc"])
      assert.deepStrictEqual(spoolsIn(directory), [foreign], "the file of a process that lives is left alone")
    }))
})
