import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Fault, runWithFault } from "../../support/audit/Faults.ts"
import { openLog } from "../../support/audit/Files.ts"
import { canTrace, scratchDirectory } from "../../support/audit/Trace.ts"

// The third group is too large for the head to carry: it fails with the database, where the others are brought in later.
const faults: ReadonlyArray<Fault & { readonly end: "healed" | "failed" | "killed" }> = [
  { file: "audit.db-wal", call: "fsync", effect: "error=EIO", nth: 2, end: "failed" },
  { file: "audit.db-wal", call: "fsync", effect: "error=EIO", nth: 4, end: "healed" },
  { file: "audit.db-wal", call: "pwrite64", effect: "error=ENOSPC", nth: 5, end: "failed" },
  { file: "audit.db-wal", call: "pwrite64", effect: "signal=KILL", nth: 6, end: "killed" },
  { file: "audit.head", call: "fdatasync", effect: "error=EIO", nth: 3, end: "failed" },
  { file: "audit.head", call: "pread64", effect: "error=EIO", nth: 3, end: "failed" },
  { file: "audit.head", call: "pwrite64", effect: "signal=KILL", nth: 4, end: "killed" }
]

const inLog = async <A>(use: (directory: string) => Promise<A>): Promise<A> => {
  const directory = scratchDirectory()
  try {
    const log = openLog(directory)
    log.open()
    log.close()
    return await use(directory)
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true })
  }
}

describe("audit log whose system calls fail", () => {
  it("keeps what it acknowledged, never forks, and goes on with a new handle", async () => {
    if (!canTrace()) {
      return void process.stdout.write("audit faults skipped: strace is not installed, or may not trace here\n")
    }
    for (const { end, ...fault } of faults) {
      const outcome = await inLog((directory) => runWithFault(directory, fault))
      assert.deepStrictEqual(outcome, { end, wrong: undefined }, JSON.stringify(fault))
    }
    const planted = { file: "audit.head", call: "fdatasync", effect: "error=EIO", nth: 3 }
    const control = await inLog((directory) => runWithFault(directory, planted, "RETRY"))
    assert.strictEqual(control.wrong, "a descriptor was written to after its sync had failed")
  })

  it("can be verified on a full disk, where nobody writes", async () => {
    if (!canTrace()) {
      return void process.stdout.write("full disk skipped: strace is not installed, or may not trace here\n")
    }
    const report = await inLog(async (directory) => {
      const log = openLog(directory)
      log.append([{ time: 1, kind: "start", body: Uint8Array.of(1) }], 1)
      log.close()
      const shared = Path.join(directory, "audit.db-shm")
      const options = ["-f", "-qq", "-o", "/dev/null", "-P", shared, "-e", "inject=openat:error=ENOSPC"]
      const script = Path.join(import.meta.dirname, "../../support/audit/LogReader.ts")
      return spawnSync("strace", [...options, process.execPath, script, directory], { encoding: "utf8" }).stdout
    })
    assert.include(report, "1 records verified; the head covers 1")
  })
})
