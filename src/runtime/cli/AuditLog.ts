import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "node:path"
import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditBody, AuditRecord } from "../../domain/audit/AuditRecord.ts"
import type { AuditReport } from "../../domain/audit/AuditReport.ts"
import { Verifier } from "../../domain/audit/Verifier.ts"
import type { Settings } from "../../domain/settings/Settings.ts"
import * as AuditStoreLayer from "../../layers/store/AuditStore.ts"
import { AuditStore, AuditStoreError } from "../../services/AuditStore.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicClock } from "../../services/PicClock.ts"
import type { PicConfig } from "../../services/PicConfig.ts"
import { exists } from "./Common.ts"
import { BadInput } from "./Failure.ts"
import * as Output from "./Output.ts"

/** Records read at once: about a megabyte. */
const pageRecords = 1_024

const logPath = ({ storage }: Pick<Settings, "storage">): string =>
  Path.join(storage.directory, AuditStoreLayer.fileNames.log)

/** Layer that reads the log of these settings, and makes nothing where there is none. */
export const layer = ({ audit, storage }: Settings): Layer.Layer<AuditStore, BadInput> => {
  const path = logPath({ storage })
  const refuse = (message: string) => Layer.effectContext(Effect.fail(new BadInput({ message })))
  if (storage.directory === "memory") return refuse("storage.directory is memory: there is no audit log")
  if (!exists(path)) return refuse(`there is no audit log at ${path}`)
  return Layer.catch(
    AuditStoreLayer.layerSqliteReadOnly(storage.directory, audit.head_path),
    (error) => refuse(`${path}: ${error.message}`)
  )
}

/** A failure of the store while it is read: unreadable input. */
export const unreadable = (error: AuditStoreError): BadInput => new BadInput({ message: error.message })

/** Feeds the records from a number on, up to `toSeq`, page by page; stops early where `take` answers `false`. */
export const forEachPage = <E, R>(
  fromSeq: number,
  toSeq: number,
  take: (page: ReadonlyArray<AuditRecord>) => Effect.Effect<boolean, E, R>
): Effect.Effect<void, AuditStoreError | E, AuditStore | R> =>
  Effect.gen(function*() {
    const store = yield* AuditStore
    for (let next = fromSeq; next <= toSeq;) {
      const page = (yield* store.read(next, pageRecords)).filter((record) => record.seq <= toSeq)
      const last = page.at(-1)
      if (last === undefined || last.seq < next) return
      if (!(yield* take(page))) return
      next = last.seq + 1
    }
  })

/** Checks the whole chain against its heads. */
export const verify = (
  heads: ReadonlyArray<AuditHead>
): Effect.Effect<AuditReport, AuditStoreError, AuditStore | KeyManager | CryptoCore> =>
  Effect.gen(function*() {
    const store = yield* AuditStore
    const keys = yield* KeyManager
    const crypto = yield* CryptoCore
    const anchor = yield* store.anchor
    const verifier = new Verifier(
      {
        sha256: crypto.sha256Unsafe,
        verifyMac: (keyId, data, mac) => {
          const key = keys.auditKeyUnsafe(keyId)
          return key === undefined ? undefined : crypto.verifyMacUnsafe(key, data, mac)
        },
        verifySignature: (data, signature) =>
          crypto.verifySignatureUnsafe(keys.checkpointPublicKeyUnsafe(), data, signature)
      },
      heads,
      [],
      anchor
    )
    const total = yield* store.lastSeq
    yield* forEachPage(1, Number.MAX_SAFE_INTEGER, (page) =>
      Effect.as(
        Output.progress("verifying", page.at(-1)?.seq ?? 0, total),
        page.every((record) => verifier.step(record))
      ))
    if ((yield* store.anchor)?.seq !== anchor?.seq) {
      return yield* new AuditStoreError({
        detail: "records were retired while the log was read; try again",
        poisoned: false
      })
    }
    return verifier.finish()
  })

/**
 * Puts what an operator did without a running process on record. Where there is no log yet nothing is written; where it
 * cannot be written, that is said.
 */
export const note = (
  settings: Settings,
  kind: AuditRecord["kind"],
  body: AuditBody
): Effect.Effect<void, never, KeyManager | PicClock | PicConfig> =>
  Effect.gen(function*() {
    if (settings.storage.directory === "memory" || !exists(logPath(settings))) return
    const clock = yield* PicClock
    yield* Effect.flatMap(AuditStore, (store) =>
      store.append([{ time: clock.nowUnsafe(), kind, body: Buffer.from(JSON.stringify(body)) }])).pipe(
        Effect.provide(AuditStoreLayer.layerSqlite),
        Effect.catch((error) =>
          Output.note(`pic: done, but not on record in the audit log: ${error.message}`)
        )
      )
  })
