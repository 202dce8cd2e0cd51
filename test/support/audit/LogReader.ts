/** A process that verifies the log of a directory, which it may only read, and prints the report. */
import { writeSync } from "node:fs"
import { openLog, verifyLog } from "./Files.ts"

const log = openLog(process.argv[2] ?? "", { readOnly: true })
writeSync(1, JSON.stringify(verifyLog(log).report))
log.close()
