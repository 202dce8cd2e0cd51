import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { type FaultOutcome, runWithFault } from "../support/audit/Faults.ts"
import { replaySubject } from "../support/audit/PowerLoss.ts"
import { canTrace, scratchDirectory } from "../support/audit/Trace.ts"
import { makeRandom } from "../support/Seeded.ts"
import { subjects } from "../support/state/StateFaults.ts"

const seed = Number(process.env["PIC_TORTURE_SEED"] ?? 1)
const print = (what: string): void => void process.stdout.write(`state/${what}\n`)
const skipped = "skipped: strace is not installed, or tracing is not permitted here"

/** The system calls of a saving process that touch its state, file by file. */
const calls: ReadonlyArray<{ readonly file: string; readonly names: ReadonlyArray<string> }> = [
  { file: "state.db-wal", names: ["pwrite64", "fsync", "unlink"] },
  { file: "state.db", names: ["pwrite64", "fsync", "pread64"] },
  { file: "audit.head.state", names: ["pwrite64", "fdatasync", "read"] }
]

const effects = ["error=EIO", "error=ENOSPC", "signal=KILL"]

/** Most times that one call is tried; fewer where the process does not make it that often. */
const timesMax = 24

describe("state under torture", () => {
  it.live("1,500 states that a power loss may leave", () =>
    Effect.gen(function*() {
      if (!canTrace()) return print(`power loss ${skipped}`)
      const { powerLoss } = yield* subjects
      const replay = (states: number, synchronous: "FULL" | "NORMAL") =>
        Effect.promise(() => replaySubject(powerLoss, { groups: 200, states, synchronous, random: makeRandom(seed) }))
      const full = yield* replay(1_500, "FULL")
      print(`power loss seed ${seed}: ${JSON.stringify(full)}`)
      assert.deepInclude(full, { losing: 0, refused: 0 }, `seed ${seed}: ${full.firstRefusal}`)
      const control = yield* replay(200, "NORMAL")
      print(`power loss, SQLite at synchronous = NORMAL: ${JSON.stringify(control)}`)
      assert.isAbove(control.losing, 20, "the replay must be able to lose values")
      assert.strictEqual(control.silent, 0, "an old state file says so")
    }))

  it.live("each system call that touches the state fails or kills, at each time it is made", () =>
    Effect.gen(function*() {
      if (!canTrace()) return print(`faults ${skipped}`)
      const { fault: subject, prepare } = yield* subjects
      const none: Record<FaultOutcome["end"], number> = { quiet: 0, healed: 0, failed: 0, killed: 0 }
      const total = { ...none }
      for (const { file, names } of calls) {
        for (const call of names) {
          for (const effect of effects) {
            const seen = { ...none }
            for (let nth = 1; nth <= timesMax && seen.quiet < 4; nth++) {
              const directory = scratchDirectory()
              yield* prepare(directory)
              const { end, wrong } = yield* Effect.promise(() =>
                runWithFault(directory, { file, call, effect, nth }, "FULL", subject)
              )
              Fs.rmSync(directory, { recursive: true })
              assert.isUndefined(wrong, `${call} of ${file}: ${effect}, time ${nth}`)
              seen[end]++
              total[end]++
            }
            print(`fault ${call} ${file} ${effect}: ${JSON.stringify(seen)}`)
          }
        }
      }
      print(`faults: ${JSON.stringify(total)}, 0 acknowledged values lost`)
      assert.isAbove(total.failed, 50)
      assert.isAbove(total.killed, 50)
    }))
})
