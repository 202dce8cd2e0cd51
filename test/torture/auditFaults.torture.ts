import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { runWithFault } from "../support/audit/Faults.ts"
import { openLog } from "../support/audit/Files.ts"
import { canTrace, scratchDirectory } from "../support/audit/Trace.ts"

const print = (what: string): void => void process.stdout.write(`audit/${what}\n`)

/** The system calls of an appending process that touch its state, file by file. */
const calls: ReadonlyArray<{ readonly file: string; readonly names: ReadonlyArray<string> }> = [
  { file: "audit.db-wal", names: ["pwrite64", "fsync", "pread64", "unlink"] },
  { file: "audit.db", names: ["pwrite64", "fsync", "pread64"] },
  { file: "audit.head", names: ["pwrite64", "fdatasync", "pread64"] }
]

const effects = ["error=EIO", "error=ENOSPC", "signal=KILL"]

/** Most times that one call is tried; fewer where the process does not make it that often. */
const timesMax = 48

describe("audit under torture: system calls that fail", () => {
  it("each system call that touches the log fails or kills, at each time it is made", async () => {
    if (!canTrace()) return print("faults skipped: strace is not installed, or tracing is not permitted here")
    const total = { quiet: 0, healed: 0, failed: 0, killed: 0 }
    for (const { file, names } of calls) {
      for (const call of names) {
        for (const effect of effects) {
          const directory = scratchDirectory()
          const log = openLog(directory)
          log.open()
          log.close()
          const seen = { quiet: 0, healed: 0, failed: 0, killed: 0 }
          try {
            for (let nth = 1; nth <= timesMax && seen.quiet < 4; nth++) {
              const { end, wrong } = await runWithFault(directory, { file, call, effect, nth })
              assert.isUndefined(wrong, `${call} of ${file}: ${effect}, time ${nth}`)
              seen[end]++
              total[end]++
            }
          } finally {
            Fs.rmSync(directory, { recursive: true })
          }
          print(`fault ${call} ${file} ${effect}: ${JSON.stringify(seen)}`)
        }
      }
    }
    print(
      `faults: ${JSON.stringify(total)}, 0 acknowledged records lost, 0 forks, no use of a descriptor whose sync failed`
    )
    assert.isAbove(total.failed, 50)
    assert.isAbove(total.killed, 50)
  })
})
