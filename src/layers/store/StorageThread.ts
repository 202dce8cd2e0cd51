import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Path from "node:path"
import { PicConfig } from "../../services/PicConfig.ts"
import type { AuditFileOptions } from "./AuditFile.ts"
import type { AuditRequest } from "./AuditRequests.ts"
import type { StateRequest } from "./StateRequests.ts"
import type { StorageOptions, StorageRequest } from "./StorageWorker.ts"
import * as StoreThread from "./StoreThread.ts"

/** Names of the files in the storage directory. */
export const fileNames = { log: "audit.db", head: "audit.head", state: "state.db", trace: "trace.db" } as const

/** Trace lines kept on disk: about 10 MB, and the calls of the last minutes even under load. */
export const traceRowsMax = 10_000

/** How long the log waits for a lock that another process holds before it answers that it cannot serve. */
export const auditLockWaitMs = 5_000

/** How long to wait for the owner of `state.db` to let go, as it does within moments when a process is replaced. */
export const stateLockWaitMs = 2_000

/** Where log and head of a directory lie. */
export const auditFiles = (directory: string, headPath: string, readOnly: boolean): AuditFileOptions => ({
  path: Path.join(directory, fileNames.log),
  headPath: headPath === "" ? Path.join(directory, fileNames.head) : headPath,
  readOnly,
  lockWaitMs: auditLockWaitMs
})

/**
 * The one thread for the files of a storage directory. One for all stores, because a thread costs some 20 MB; evidence
 * then waits behind a save of the baselines, for milliseconds.
 */
export class StorageThread extends Context.Service<StorageThread, StoreThread.StoreThread<StorageRequest>>()(
  "effect-pic/layers/store/StorageThread"
) {}

/** A thread for the files of this directory, started on first use and closed with the scope. */
export const make = (
  directory: string,
  headPath: string,
  readOnly: boolean
): Effect.Effect<StoreThread.StoreThread<StorageRequest>, never, Scope.Scope> => {
  const audit = auditFiles(directory, headPath, readOnly)
  const data: StorageOptions = {
    audit,
    state: {
      statePath: Path.join(directory, fileNames.state),
      // Where the external head is kept apart, so is what tells a new state file from an old one.
      witnessPath: `${audit.headPath}.state`,
      tracePath: Path.join(directory, fileNames.trace),
      traceRowsMax,
      lockWaitMs: stateLockWaitMs
    }
  }
  const entry = new URL(import.meta.url.endsWith(".ts") ? "./StorageWorker.ts" : "./StorageWorker.js", import.meta.url)
  return StoreThread.make<StorageRequest>({ entry, data, last: { store: "close" } })
}

/** The part of the thread that serves the log. */
export const forAudit = (thread: StoreThread.StoreThread<StorageRequest>): StoreThread.StoreThread<AuditRequest> => ({
  request: (request, handedOver) => thread.request({ store: "audit", request }, handedOver),
  send: (request, done, handedOver) => thread.send({ store: "audit", request }, done, handedOver),
  startsUnsafe: thread.startsUnsafe
})

/** The part of the thread that serves state and trace. */
export const forState = (thread: StoreThread.StoreThread<StorageRequest>): StoreThread.StoreThread<StateRequest> => ({
  request: (request, handedOver) => thread.request({ store: "state", request }, handedOver),
  send: (request, done, handedOver) => thread.send({ store: "state", request }, done, handedOver),
  startsUnsafe: thread.startsUnsafe
})

/** Layer for the configured directory. */
export const layer: Layer.Layer<StorageThread, never, PicConfig> = Layer.effect(
  StorageThread,
  Effect.flatMap(PicConfig, (config) => {
    const { audit, storage } = config.settingsUnsafe()
    return make(storage.directory, audit.head_path, false)
  })
)
