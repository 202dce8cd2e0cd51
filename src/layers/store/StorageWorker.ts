/**
 * Entry of the storage thread: all blocking file access happens here. Started by `StorageThread` only. It imports no
 * Effect module, which would double the memory of the thread.
 */
import { parentPort, workerData } from "node:worker_threads"
import type { AuditFileOptions } from "./AuditFile.ts"
import { auditHandler, type AuditRequest } from "./AuditRequests.ts"
import { type StateFilesOptions, stateHandler, type StateRequest } from "./StateRequests.ts"
import { serve } from "./ThreadServer.ts"

/** Where everything lies that the thread may be asked about. */
export interface StorageOptions {
  readonly audit: AuditFileOptions
  readonly state: StateFilesOptions
}

/** What the thread can be asked. */
export type StorageRequest =
  | { readonly store: "audit"; readonly request: AuditRequest }
  | { readonly store: "state"; readonly request: StateRequest }
  | { readonly store: "close" }

const handler = (options: StorageOptions) => {
  const audit = auditHandler(options.audit)
  const state = stateHandler(options.state)
  const answer = (message: StorageRequest, reply: (value: unknown) => void): unknown => {
    switch (message.store) {
      case "audit":
        return audit.answer(message.request, reply)
      case "state":
        return state(message.request)
      case "close": {
        audit.answer({ op: "closeAudit" }, reply)
        return state({ op: "closeState" })
      }
    }
  }
  return { answer, rest: audit.rest }
}

if (parentPort !== null) {
  const { answer, rest } = handler(workerData as StorageOptions)
  serve(parentPort, answer, rest)
}
