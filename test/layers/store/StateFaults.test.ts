import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Fault, runWithFault } from "../../support/audit/Faults.ts"
import { replaySubject } from "../../support/audit/PowerLoss.ts"
import { canTrace, scratchDirectory } from "../../support/audit/Trace.ts"
import { makeRandom } from "../../support/Seeded.ts"
import { subjects } from "../../support/state/StateFaults.ts"

const seed = 1
const skipped = "skipped: strace is not installed, or may not trace here\n"

const faults: ReadonlyArray<Fault & { readonly end: "failed" | "killed" | "healed" }> = [
  { file: "state.db-journal", call: "fsync", effect: "error=EIO", nth: 1, end: "healed" },
  { file: "state.db-wal", call: "fsync", effect: "error=EIO", nth: 4, end: "failed" },
  { file: "state.db-wal", call: "pwrite64", effect: "error=ENOSPC", nth: 16, end: "failed" },
  { file: "state.db-wal", call: "pwrite64", effect: "signal=KILL", nth: 14, end: "killed" },
  { file: "state.db", call: "pread64", effect: "error=EIO", nth: 8, end: "healed" },
  { file: "state.db", call: "pread64", effect: "error=EIO", nth: 10, end: "healed" },
  { file: "audit.head.state", call: "fdatasync", effect: "error=EIO", nth: 6, end: "failed" },
  { file: "audit.head.state", call: "pwrite64", effect: "signal=KILL", nth: 3, end: "killed" }
]

describe("state file", () => {
  it.live("loses no value after a power loss, where SQLite at synchronous = NORMAL loses it", () =>
    Effect.gen(function*() {
      if (!canTrace()) return void process.stdout.write(`state power loss ${skipped}`)
      const { powerLoss } = yield* subjects
      const options = { groups: 24, states: 60, random: makeRandom(seed) }
      const full = yield* Effect.promise(() => replaySubject(powerLoss, { ...options, synchronous: "FULL" }))
      assert.deepInclude(full, { acknowledged: 24, losing: 0, refused: 0 }, `seed ${seed}: ${full.firstRefusal}`)
      const control = yield* Effect.promise(() => replaySubject(powerLoss, { ...options, synchronous: "NORMAL" }))
      assert.isAbove(control.losing, 10, "the replay must be able to lose values")
      assert.strictEqual(control.silent, 0, "an old state file says so")
    }))

  it.live("keeps what it acknowledged where system calls fail, and goes on", () =>
    Effect.gen(function*() {
      if (!canTrace()) return void process.stdout.write(`state faults ${skipped}`)
      const { fault: subject } = yield* subjects
      for (const { end, ...fault } of faults) {
        const directory = scratchDirectory()
        const outcome = yield* Effect.promise(() => runWithFault(directory, fault, "FULL", subject))
        // Two bytes of the header say that the file is written through a write-ahead log (SQLite file format, 1.3.3).
        const versions = Fs.readFileSync(Path.join(directory, "state.db")).subarray(18, 20)
        Fs.rmSync(directory, { recursive: true })
        assert.deepStrictEqual(outcome, { end, wrong: undefined }, JSON.stringify(fault))
        assert.deepStrictEqual([...versions], [2, 2], JSON.stringify(fault))
      }
    }))
})
