import type { AuditAnchor } from "../../domain/audit/AuditAnchor.ts"
import { packRecords, packSeals, unpackEntries } from "../../domain/audit/Frames.ts"
import { AuditFile, type AuditFileOptions } from "./AuditFile.ts"
import type { AuditSecret } from "./AuditSigner.ts"

/** What the storage thread can be asked about the audit log. `append` answers packed seals, `read` packed records. */
export type AuditRequest =
  | { readonly op: "secret"; readonly secret: AuditSecret }
  | { readonly op: "open" }
  | { readonly op: "append"; readonly entries: Uint8Array; readonly now: number }
  | { readonly op: "read"; readonly fromSeq: number; readonly limit: number }
  | { readonly op: "checkpoint"; readonly now: number }
  | { readonly op: "lastSeq" }
  | { readonly op: "heads" }
  | { readonly op: "anchor" }
  | { readonly op: "retire"; readonly anchor: AuditAnchor }
  | { readonly op: "closeAudit" }

/** How long the head may carry records before they go into the database, in milliseconds: many share one commit. */
export const carryMs = 50

/** How long until that is tried again, where a lock or the disk was in the way. */
const settleRetryMs = 1_000

/**
 * Answers requests about the log of these files, or has answered by `reply`; they are opened when first needed. `rest` is
 * for when there is nothing to answer.
 */
export const auditHandler = (options: AuditFileOptions) => {
  const file = new AuditFile(options)
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const settleIn = (ms: number): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      if (!file.settle()) settleIn(settleRetryMs)
    }, ms)
  }
  const answer = (request: AuditRequest, reply: (value: unknown) => void): unknown => {
    switch (request.op) {
      case "secret":
        return file.useSecret(request.secret)
      case "open":
        return file.open()
      case "append":
        // The answer goes as soon as it is true; what is left to do is done while the caller goes on.
        return packSeals(
          file.append(unpackEntries(request.entries), request.now, (records) => reply(packSeals(records)))
        )
      case "read":
        return packRecords(file.read(request.fromSeq, request.limit))
      case "checkpoint":
        return file.checkpoint(request.now)
      case "lastSeq":
        return file.lastSeq()
      case "heads":
        return file.heads()
      case "anchor":
        return file.anchor()
      case "retire":
        return file.retire(request.anchor)
      case "closeAudit":
        closed = true
        clearTimeout(timer)
        return file.close()
    }
  }
  return {
    answer,
    rest: () => {
      file.rest()
      if (file.carrying && !closed) settleIn(carryMs)
    }
  }
}
