import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { AuditFile } from "../../../src/layers/store/AuditFile.ts"
import { carryTextMax, headLength, slotOffsets } from "../../../src/layers/store/HeadFile.ts"
import { openLog, verifyLog } from "../../support/audit/Files.ts"
import { temporaryDirectory } from "./Setup.ts"

const entry = (n: number, length = 1) => ({ time: n, kind: "block" as const, body: new Uint8Array(length).fill(n) })
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

/** Appends a record that is acknowledged, where the process ends before the log has it. */
const appendAndCrash = (file: AuditFile, n: number) => {
  const records = file.append([entry(n)], n, () => {
    throw new Error("planted crash")
  })
  assert.strictEqual(records.length, 1)
  return hex(records[0]!.hash)
}

const rowsOf = (directory: string): number => {
  const db = new DatabaseSync(Path.join(directory, "audit.db"), { readOnly: true })
  try {
    return Number(db.prepare("SELECT count(*) AS n FROM record").get()?.["n"])
  } finally {
    db.close()
  }
}

const edit = (directory: string, sql: string) => {
  const db = new DatabaseSync(Path.join(directory, "audit.db"))
  db.exec(sql)
  db.close()
}

/** Changes what the slot of a head carries, as a power loss that tears its page does. */
const tear = (directory: string, seq: number) => {
  const path = Path.join(directory, "audit.head")
  const bytes = Fs.readFileSync(path)
  const offset = slotOffsets.find((at) => bytes.toString("utf8", at, at + headLength).includes(`"seq":${seq},`))!
  bytes.fill(0, offset + headLength + 60, offset + headLength + 90)
  Fs.writeFileSync(path, bytes)
}

const inLog = (use: (directory: string, log: AuditFile) => void) =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    const log = openLog(directory)
    log.append([entry(1), entry(2)], 1)
    assert.isTrue(log.settle())
    use(directory, log)
    log.close()
  })

describe("records that the head carries", () => {
  it.live("are acknowledged after one sync, which covers them and the head, and share one commit", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const happened: Array<string> = []
      const log = openLog(directory, { sync: (fd) => (Fs.fdatasyncSync(fd), void happened.push("sync")) })
      log.open()
      happened.length = 0
      for (const n of [1, 2, 3]) log.append([entry(n)], n, () => happened.push(`told ${n}`))
      assert.deepStrictEqual(happened, ["sync", "told 1", "sync", "told 2", "sync", "told 3"])
      assert.deepStrictEqual([rowsOf(directory), log.carrying], [0, true])
      assert.isTrue(log.settle())
      assert.deepStrictEqual([rowsOf(directory), log.carrying], [3, false])
      assert.isTrue(verifyLog(log).report.ok)
      happened.length = 0
      log.append([entry(4, carryTextMax)], 4, () => happened.push("told"))
      assert.deepStrictEqual(
        happened,
        ["sync"],
        "a group that does not fit is in the database before its head is written"
      )
      log.close()
    }))

  it.live("go into the database before the head has no room for the next one", () =>
    inLog((directory, log) => {
      const commits: Array<number> = []
      let told = 0
      for (let n = 3; n < 103; n++) {
        const before = rowsOf(directory)
        log.append([entry(n, 300)], n, () => told++)
        if (rowsOf(directory) > before) commits.push(rowsOf(directory) - before)
      }
      assert.strictEqual(told, 100, "none had to wait for the database")
      assert.isAbove(Math.min(...commits), 15)
      assert.isBelow(Math.max(...commits), 40)
      assert.isTrue(verifyLog(log).report.ok)
      log.close()
      assert.strictEqual(rowsOf(directory), 102, "closing leaves nothing behind")
    }))

  it.live("are part of the log for who reads it, and for who appends next", () =>
    inLog((directory, log) => {
      const third = appendAndCrash(log, 3)
      assert.strictEqual(rowsOf(directory), 2, "the database does not have it")
      const reader = openLog(directory, { readOnly: true })
      assert.deepInclude(verifyLog(reader).report, { ok: true, records: 3, headSeq: 3 })
      assert.strictEqual(verifyLog(reader).hashes.get(3), third)
      assert.deepStrictEqual(reader.read(3, 5).map(({ seq }) => seq), [3])
      assert.deepStrictEqual(reader.read(1, 2).map(({ seq }) => seq), [1, 2])
      reader.close()
      const other = openLog(directory)
      assert.strictEqual(other.append([entry(4)], 4)[0]?.seq, 4)
      assert.strictEqual(rowsOf(directory), 2)
      assert.strictEqual(verifyLog(other).hashes.get(3), third)
      assert.isTrue(verifyLog(other).report.ok)
      other.close()
      assert.strictEqual(rowsOf(directory), 4)
      assert.strictEqual(log.append([entry(5)], 5)[0]?.seq, 5)
    }))

  it.live("stay in the head while another process holds the lock, and are tried again", () =>
    inLog((directory, log) => {
      log.append([entry(3)], 3)
      const other = new DatabaseSync(Path.join(directory, "audit.db"))
      other.exec("BEGIN IMMEDIATE")
      assert.isFalse(log.settle())
      assert.strictEqual(rowsOf(directory), 2)
      other.exec("ROLLBACK")
      other.close()
      assert.isTrue(log.settle())
      assert.strictEqual(rowsOf(directory), 3)
    }))

  it.live("are refused where somebody without the key wrote them", () =>
    inLog((directory, log) => {
      appendAndCrash(log, 3)
      const path = Path.join(directory, "audit.head")
      const text = Fs.readFileSync(path, "latin1")
      // A line begins with the MAC of its record, which no hash covers.
      const at = slotOffsets.find((offset) => text.slice(offset, offset + headLength).includes(`"seq":3,`))! +
        headLength
      Fs.writeFileSync(path, text.slice(0, at) + "A".repeat(40) + text.slice(at + 40), "latin1")
      assert.throws(() => openLog(directory).append([entry(4)], 4), /ends at record 2 but its head covers 3/)
    }))

  it.live("survive crash after crash, of large groups and of checkpoints too", () =>
    inLog((directory, log) => {
      const known = new Map([[3, appendAndCrash(log, 3)]])
      for (let n = 4; n < 40; n++) {
        const file = openLog(directory)
        if (n % 3 === 0) file.checkpoint(n)
        if (n % 5 === 0) file.append([entry(n, carryTextMax)], n)
        else known.set(file.lastSeq() + 1, appendAndCrash(file, n))
        file.close()
      }
      const { hashes, report } = verifyLog(log)
      assert.isTrue(report.ok, report.detail)
      assert.strictEqual(report.records, 39)
      for (const [seq, hash] of known) assert.strictEqual(hashes.get(seq), hash, `record ${seq} was acknowledged`)
    }))

  it.live("are taken back where their sync failed, so that the slot that is surely on the disk is written last", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      let failing = false
      const log = openLog(directory, {
        sync: (fd) => {
          if (failing) throw new Error("EIO: i/o error, fdatasync")
          Fs.fdatasyncSync(fd)
        }
      })
      const slotOf = (seq: number) =>
        slotOffsets.findIndex((at) =>
          Fs.readFileSync(Path.join(directory, "audit.head"), "latin1").slice(at, at + headLength).includes(
            `"seq":${seq},`
          )
        )
      log.append([entry(1)], 1)
      log.append([entry(2)], 2)
      const good = slotOf(2)
      failing = true
      for (const n of [3, 4]) {
        assert.throws(() => log.append([entry(n)], n), /EIO/)
        assert.deepStrictEqual([slotOf(2), slotOf(3), slotOf(1)], [good, -1, -1])
      }
      failing = false
      assert.deepInclude(verifyLog(log).report, { ok: true, records: 2, headSeq: 2 })
      assert.strictEqual(log.append([entry(5)], 5)[0]?.seq, 3)
      assert.deepStrictEqual([slotOf(2), slotOf(3)], [good, 1 - good])
      log.close()
    }))

  it.live("count for nothing where they were torn before they were acknowledged", () =>
    inLog((directory, log) => {
      appendAndCrash(log, 3)
      tear(directory, 3)
      const { report } = verifyLog(log)
      assert.deepInclude(report, { ok: true, records: 2, headSeq: 2 })
      assert.strictEqual(log.append([entry(4)], 4)[0]?.seq, 3)
      assert.isTrue(verifyLog(log).report.ok)
    }))

  it.live("do not hide that the log was cut, once it had them or where more is gone", () =>
    inLog((directory, log) => {
      log.append([entry(3)], 3)
      log.close()
      edit(directory, "DELETE FROM record WHERE seq = 3")
      assert.deepInclude(verifyLog(log).report, { ok: false, damage: "truncated", badSeq: 3 })
      assert.throws(() => log.append([entry(4)], 4), /ends at record 2 but its head covers 3/)
    }))

  it.live("do not hide that the log was cut before them", () =>
    inLog((directory, log) => {
      appendAndCrash(log, 3)
      edit(directory, "DELETE FROM record WHERE seq = 2")
      assert.deepInclude(verifyLog(log).report, { ok: false, damage: "truncated", badSeq: 2 })
      assert.throws(() => log.append([entry(4)], 4), /ends at record 1 but its head covers 3/)
    }))
})
