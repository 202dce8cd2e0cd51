/**
 * A process that appends to a log until it is killed, printing the number of every record that was acknowledged.
 * Arguments: directory, identity of the writer.
 */
import { writeSync } from "node:fs"
import { join } from "node:path"
import { AuditFile } from "../../../src/layers/store/AuditFile.ts"

const [directory = "", writer = ""] = process.argv.slice(2)
const file = new AuditFile({
  path: join(directory, "audit.db"),
  headPath: join(directory, "audit.head"),
  readOnly: false,
  lockWaitMs: 20_000
})
file.useSecret({ id: "k1", key: new Uint8Array(32).fill(1), checkpointSeed: new Uint8Array(32).fill(2) })
for (let n = 0;; n++) {
  const group = Array.from({ length: 1 + n % 3 }, (_, i) => ({
    time: n,
    kind: "block" as const,
    body: new TextEncoder().encode(JSON.stringify({ writer, n, i }))
  }))
  const records = file.append(group, n)
  // Synchronous, so that an acknowledgement is out of the process before the next record is begun.
  writeSync(1, records.map(({ hash, seq }) => `${seq} ${Buffer.from(hash).toString("hex")}\n`).join(""))
}
