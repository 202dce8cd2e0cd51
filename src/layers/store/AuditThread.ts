/** Entry of the thread that owns the audit log: all its blocking I/O happens here. Loaded by `AuditStore` only. */
import { parentPort, workerData } from "node:worker_threads"
import { packRecords, packSeals, unpackEntries } from "../../domain/audit/Frames.ts"
import { AuditFile, type AuditFileOptions } from "./AuditFile.ts"
import type { AuditSecret } from "./AuditSigner.ts"
import { serve } from "./ThreadServer.ts"

/** What the thread can be asked. `append` answers packed seals, `read` packed records. */
export type AuditRequest =
  | { readonly op: "secret"; readonly secret: AuditSecret }
  | { readonly op: "open" }
  | { readonly op: "append"; readonly entries: Uint8Array; readonly now: number }
  | { readonly op: "read"; readonly fromSeq: number; readonly limit: number }
  | { readonly op: "checkpoint"; readonly now: number }
  | { readonly op: "lastSeq" }
  | { readonly op: "heads" }
  | { readonly op: "close" }

const handler = (options: AuditFileOptions) => {
  const file = new AuditFile(options)
  return (request: AuditRequest): unknown => {
    switch (request.op) {
      case "secret":
        return file.useSecret(request.secret)
      case "open":
        return file.open()
      case "append":
        return packSeals(file.append(unpackEntries(request.entries), request.now))
      case "read":
        return packRecords(file.read(request.fromSeq, request.limit))
      case "checkpoint":
        return file.checkpoint(request.now)
      case "lastSeq":
        return file.lastSeq()
      case "heads":
        return file.heads()
      case "close":
        return file.close()
    }
  }
}

if (parentPort !== null) serve(parentPort, handler(workerData as AuditFileOptions))
