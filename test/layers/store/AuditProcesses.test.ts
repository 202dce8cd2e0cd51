import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as Crypto from "node:crypto"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { acknowledgements, openLog, verifyLog } from "../../support/audit/Files.ts"
import { temporaryDirectory } from "./Setup.ts"

interface Writer {
  readonly process: ChildProcess
  readonly output: Array<string>
}

const start = (directory: string, name: string): Writer => {
  const script = Path.join(import.meta.dirname, "AuditWriterProcess.ts")
  const process = spawn(globalThis.process.execPath, [script, directory, name], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const output: Array<string> = []
  process.stdout?.setEncoding("utf8").on("data", (text: string) => output.push(text))
  return { process, output }
}

const kill = async ({ process }: Writer) => {
  const ended = once(process, "close")
  process.kill("SIGKILL")
  await ended
}

const until = async (condition: () => boolean) => {
  while (!condition()) await sleep(5)
}

describe("audit log of several processes", () => {
  it.live(
    "loses no acknowledged record and never forks when its writers are killed at random moments",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const all: Array<{ readonly seq: number; readonly hash: string }> = []
        yield* Effect.promise(async () => {
          for (const count of [8, 1, 1]) {
            const writers = Array.from({ length: count }, (_, n) => start(directory, `${count}.${n}`))
            // A writer that ends by itself has failed; waiting for it would hide why.
            await until(() => writers.every(({ output, process }) => output.length > 0 || process.exitCode !== null))
            assert.deepStrictEqual(writers.map(({ process }) => process.exitCode), writers.map(() => null))
            for (const writer of writers) {
              await sleep(Crypto.randomInt(0, 40))
              await kill(writer)
              all.push(...acknowledgements(writer.output.join("")))
            }
            const file = openLog(directory)
            const { hashes, report } = verifyLog(file)
            assert.isTrue(report.ok, report.detail)
            for (const { hash, seq } of all) assert.strictEqual(hashes.get(seq), hash, `record ${seq} was acknowledged`)
            file.close()
          }
        })
        assert.isAtLeast(all.length, 10, "every writer must have been at work")
        assert.strictEqual(new Set(all.map(({ seq }) => seq)).size, all.length, "no number was given out twice")
      }),
    180_000
  )

  it.live("begins again where the first start crashed between head and log", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const crashed = openLog(directory)
      crashed.open()
      crashed.close()
      for (const suffix of ["", "-wal", "-shm"]) Fs.rmSync(Path.join(directory, `audit.db${suffix}`), { force: true })
      assert.strictEqual(crashed.heads().length, 1, "the head is there, the log is not")
      const file = openLog(directory)
      file.append([{ time: 1, kind: "start", body: Uint8Array.of(1) }], 1)
      const { report } = verifyLog(file)
      assert.isTrue(report.ok, report.detail)
      assert.strictEqual(report.headSeq, 1)
      file.close()
    }))

  it.live("notices with the next commit that its head file was removed, and keeps what only that had", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const file = openLog(directory)
      const append = (n: number) => file.append([{ time: n, kind: "block", body: Uint8Array.of(1) }], n)
      append(1)
      Fs.rmSync(Path.join(directory, "audit.head"))
      let last = 1
      assert.throws(() => {
        while (last < 70) last = append(last + 1)[0]!.seq
      }, /is missing but the log holds records/)
      const reader = openLog(directory, { readOnly: true })
      assert.deepStrictEqual([reader.lastSeq(), last < 70], [last, true])
      reader.close()
      file.close()
    }))

  it.live("closes the handle after a failed sync, never syncs it again, and goes on with a new one", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const synced: Array<number> = []
      let failing = false
      const file = openLog(directory, {
        sync: (fd) => {
          synced.push(fd)
          if (failing) throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" })
        }
      })
      const entry = (n: number) => ({ time: n, kind: "block" as const, body: Uint8Array.of(n) })
      file.append([entry(1)], 1)
      const before = synced.length
      failing = true
      assert.throws(() => file.append([entry(2)], 2), /EIO/)
      assert.strictEqual(synced.length, before + 1, "the failed sync is not repeated")
      failing = false
      const [third] = file.append([entry(3)], 3)
      const { report } = verifyLog(file)
      assert.isTrue(report.ok, report.detail)
      assert.strictEqual(report.headSeq, third?.seq)
      file.close()
    }))
})
