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

/** Gives the memory of bytes back at once. */
const release = ({ buffer }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

const handler = (options: StorageOptions) => {
  const audit = auditHandler(options.audit)
  const state = stateHandler(options.state)
  /** A saved value is as large as all baselines, and in this thread hardly anything else asks for a garbage collection. */
  const answerState = (request: StateRequest): unknown => {
    try {
      return state(request)
    } finally {
      if (request.op === "save") release(request.row.bytes)
    }
  }
  const answer = (message: StorageRequest, reply: (value: unknown) => void): unknown => {
    switch (message.store) {
      case "audit":
        return audit.answer(message.request, reply)
      case "state":
        return answerState(message.request)
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
