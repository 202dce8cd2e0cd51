/**
 * A process that appends to a log until it is killed, printing the number of every record that was acknowledged.
 * Arguments: directory, identity of the writer.
 */
import { appendAndTell, openLog } from "../../support/audit/Files.ts"

const [directory = "", writer = ""] = process.argv.slice(2)
const file = openLog(directory)
for (let n = 0;; n++) {
  const group = Array.from({ length: 1 + n % 3 }, (_, i) => ({
    time: n,
    kind: "block" as const,
    body: new TextEncoder().encode(JSON.stringify({ writer, n, i }))
  }))
  appendAndTell(file, group, n)
  if (n % 7 === 3) file.settle()
}
