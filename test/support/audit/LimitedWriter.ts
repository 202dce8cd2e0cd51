/**
 * A process that appends a number of groups, prints the number and hash of every record that was acknowledged and
 * `failed` for every group that was refused, and closes and reopens the log half-way.
 *
 * Arguments: directory, number of groups, and how it synchronises. `FULL` is as it should be; the others are controls:
 * `NORMAL` is SQLite at `synchronous = NORMAL`, with a driver that says it were `FULL`; `RETRY` tries a failed sync again.
 */
import { fdatasyncSync, writeSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { makeRandom } from "../Seeded.ts"
import { appendAndTell, openLog } from "./Files.ts"

const [directory = "", count = "0", synchronous = "FULL"] = process.argv.slice(2)

if (synchronous === "NORMAL") {
  const { exec, prepare } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function(sql) {
    return exec.call(this, sql.replace("synchronous = FULL", "synchronous = NORMAL"))
  }
  DatabaseSync.prototype.prepare = function(sql, options) {
    return prepare.call(this, sql === "PRAGMA synchronous" ? "SELECT 2" : sql, options)
  }
}

const syncTwice = (fd: number) => {
  try {
    fdatasyncSync(fd)
  } catch {
    fdatasyncSync(fd)
  }
}

const random = makeRandom(7)
const file = openLog(directory, synchronous === "RETRY" ? { sync: syncTwice } : {})
const groups = Number(count)
for (let n = 0; n < groups; n++) {
  if (n === Math.floor(groups / 2)) file.close()
  const group = Array.from({ length: 1 + n % 3 }, (_, i) => ({
    time: n,
    kind: "block" as const,
    // The head has room for some groups of most sizes and for none of the largest.
    body: new TextEncoder().encode(
      JSON.stringify({ n, i, text: "x".repeat(random.below(n % 4 === 2 ? 9_000 : 1_500)) })
    )
  }))
  try {
    appendAndTell(file, group, n)
    if (n % 5 === 3) file.settle()
  } catch (error) {
    writeSync(1, `failed ${error instanceof Error ? error.message : "?"}\n`)
  }
}
file.close()
