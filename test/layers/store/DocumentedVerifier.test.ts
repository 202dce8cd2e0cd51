import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { AuditRecord } from "../../../src/domain/audit/AuditRecord.ts"
import { AuditFile } from "../../../src/layers/store/AuditFile.ts"
import { temporaryDirectory } from "./Setup.ts"

/** The Python program of docs/evidence.md, as a reader would copy it. */
const program = /```python\n([\s\S]*?)```/.exec(
  Fs.readFileSync(Path.join(import.meta.dirname, "../../../docs/evidence.md"), "utf8")
)?.[1]

const python = spawnSync("python3", ["--version"]).status === 0

describe("docs/evidence.md", () => {
  it.live("has a program that verifies a real log with what its head carries, and finds changed and missing records", () =>
    Effect.gen(function*() {
      assert.isDefined(program)
      const directory = yield* temporaryDirectory
      const storage = Path.join(directory, ".pic")
      const file = new AuditFile({
        path: Path.join(storage, "audit.db"),
        headPath: Path.join(storage, "audit.head"),
        readOnly: false,
        lockWaitMs: 1_000
      })
      file.useSecret({ id: "k1", key: new Uint8Array(32), checkpointSeed: new Uint8Array(32).fill(1) })
      const entry = (n: number) => ({ time: n + 0.25, kind: "block" as const, body: Buffer.from(`{"é":${n}}`) })
      const last = file.append([entry(1), entry(2), entry(3)], 1).at(-1)!
      file.settle()
      // Where there is no Python the fence is still checked to exist; the vectors of the encodings are tested elsewhere.
      if (!python) return
      const run = () => spawnSync("python3", ["-c", program!], { cwd: directory, encoding: "utf8" })
      const sound = ({ hash, seq }: AuditRecord) => `${seq} records, last hash ${Buffer.from(hash).toString("hex")}\n`
      const edit = (sql: string) => {
        const db = new DatabaseSync(Path.join(storage, "audit.db"))
        db.exec(sql)
        db.close()
      }
      assert.strictEqual(run().stdout, sound(last))
      const carried = file.append([entry(4), entry(5)], 2).at(-1)!
      assert.isTrue(file.carrying)
      assert.strictEqual(run().stdout, sound(carried))
      file.close()
      assert.strictEqual(run().stdout, sound(carried))
      edit("DELETE FROM record WHERE seq = 5")
      assert.match(run().stderr, /the log was cut after record 4/)
      edit("UPDATE record SET time = 9 WHERE seq = 2")
      assert.match(run().stderr, /record 2 is damaged/)
    }))
})
