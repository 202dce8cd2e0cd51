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

/** Answers requests about the log of these files; they are opened when first needed. */
export const auditHandler = (options: AuditFileOptions) => {
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
      case "anchor":
        return file.anchor()
      case "retire":
        return file.retire(request.anchor)
      case "closeAudit":
        return file.close()
    }
  }
}
