import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { sealRecord } from "../../domain/audit/Chain.ts"
import { genesisHash, logIdLength } from "../../domain/audit/RecordBytes.ts"
import { AuditStore } from "../../services/AuditStore.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"

/**
 * Layer that chains and signs evidence and forgets it: a replay goes through the whole pipeline, but nothing happened
 * that would have to be proved, and a long trace must not fill the memory.
 */
export const layer: Layer.Layer<AuditStore, never, CryptoCore | KeyManager> = Layer.effect(
  AuditStore,
  Effect.gen(function*() {
    const crypto = yield* CryptoCore
    const keys = yield* KeyManager
    const sha256 = crypto.sha256Unsafe
    let tail = { seq: 0, hash: genesisHash(sha256, crypto.randomBytesUnsafe(logIdLength)) }
    return AuditStore.of({
      append: (entries) =>
        Effect.sync(() => {
          const key = keys.getActiveKeyUnsafe("audit")
          const mac = (data: Uint8Array) => new Uint8Array(crypto.macUnsafe(key, data))
          return entries.map((entry) => {
            const record = sealRecord(entry, tail, key.id, sha256, mac)
            tail = { seq: record.seq, hash: record.hash }
            return record
          })
        }),
      read: () => Effect.succeed([]),
      lastSeq: Effect.sync(() => tail.seq),
      head: Effect.succeed(undefined),
      heads: Effect.succeed([]),
      anchor: Effect.undefined,
      retire: () => Effect.void
    })
  })
)
