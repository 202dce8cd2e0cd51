import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { sealMacBytes, stateMacBytes } from "../../domain/audit/StateBytes.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { type StateEntry, StateStore, StateStoreError } from "../../services/StateStore.ts"
import * as StorageThread from "./StorageThread.ts"
import type { StateContents, StateRow } from "./StateRequests.ts"
import type { ThreadFailure } from "./StoreThread.ts"

/** Most names: baselines, counters, exceptions and rollout state are one value each, so this is never a real limit. */
export const namesMax = 1_024

/** Most bytes of one value: the baselines of 10,000 functions stay far below it. */
export const valueBytesMax = 256 * 1024 * 1024

const refuseLarge = (bytes: Uint8Array): Effect.Effect<void, StateStoreError> =>
  bytes.length > valueBytesMax
    ? Effect.fail(new StateStoreError({ detail: `a value has more than ${valueBytesMax} bytes` }))
    : Effect.void

const tooMany = new StateStoreError({ detail: `there are more than ${namesMax} names` })
const absent: StateEntry = { _tag: "Absent" }

/** Layer that keeps values as long as the process lives. */
export const layerMemory: Layer.Layer<StateStore> = Layer.sync(StateStore, () => {
  const values = new Map<string, Uint8Array>()
  return StateStore.of({
    save: (name, bytes) =>
      Effect.andThen(
        refuseLarge(bytes),
        Effect.suspend(() => {
          if (!values.has(name) && values.size >= namesMax) return Effect.fail(tooMany)
          values.set(name, new Uint8Array(bytes))
          return Effect.void
        })
      ),
    load: (name) =>
      Effect.sync(() => {
        const bytes = values.get(name)
        return bytes === undefined ? absent : { _tag: "Found", bytes: new Uint8Array(bytes) }
      })
  })
})

const toError = ({ detail }: ThreadFailure) => new StateStoreError({ detail })

const make = Effect.gen(function*() {
  const crypto = yield* CryptoCore
  const keys = yield* KeyManager
  const files = StorageThread.forState(yield* StorageThread.StorageThread)
  const turn = yield* Semaphore.make(1)

  const verified = (keyId: string, data: Uint8Array, mac: Uint8Array): boolean => {
    const key = keys.verifyKeyUnsafe("state", keyId)
    return key !== undefined && crypto.verifyMacUnsafe(key, data, mac)
  }
  const contents = (yield* Effect.mapError(files.request({ op: "openState" }), toError)) as StateContents
  const { rows, seal } = contents
  const sealed = rows.length === 0 || (seal !== undefined && verified(seal.keyId, sealMacBytes(rows), seal.mac))
  const marks = new Map(sealed ? rows.map((row) => [row.name, row]) : [])
  const refused = new Set(sealed ? [] : rows.map(({ name }) => name))
  let generation = rows.reduce((max, row) => Math.max(max, row.generation), 0)

  const save = (name: string, bytes: Uint8Array) =>
    Effect.suspend(() => {
      if (!marks.has(name) && marks.size >= namesMax) return Effect.fail(tooMany)
      const key = keys.getActiveKeyUnsafe("state")
      const macOf = (data: Uint8Array) => new Uint8Array(crypto.macUnsafe(key, data))
      const next = generation + 1
      const row = { name, generation: next, keyId: key.id, mac: macOf(stateMacBytes(name, next, bytes)), bytes }
      const others = [...marks.values()].filter((mark) => mark.name !== name)
      const newSeal = { keyId: key.id, mac: macOf(sealMacBytes([...others, row])) }
      // Values of a broken seal go with the first save: sealed anew, they would pass as valid.
      const reset = refused.size > 0 && marks.size === 0
      return Effect.map(Effect.mapError(files.request({ op: "save", row, seal: newSeal, reset }), toError), () => {
        generation = next
        const { bytes: _, ...mark } = row
        marks.set(name, mark)
        refused.delete(name)
      })
    })

  const load = (name: string) =>
    Effect.suspend((): Effect.Effect<StateEntry, StateStoreError> => {
      if (refused.has(name)) {
        return Effect.succeed({ _tag: "Refused", detail: "the seal of the state file does not verify" })
      }
      return Effect.map(Effect.mapError(files.request({ op: "load", name }), toError), (found): StateEntry => {
        if (found === undefined) return absent
        const row = found as StateRow
        if (row.generation !== marks.get(name)?.generation) {
          return { _tag: "Refused", detail: `${name} is not the value that was saved last` }
        }
        return verified(row.keyId, stateMacBytes(name, row.generation, row.bytes), row.mac)
          ? { _tag: "Found", bytes: row.bytes }
          : { _tag: "Refused", detail: `the MAC of ${name} does not verify` }
      })
    })

  return StateStore.of({
    save: (name, bytes) =>
      Effect.andThen(refuseLarge(bytes), turn.withPermits(1)(Effect.uninterruptible(save(name, bytes)))),
    load
  })
})

/** Layer that keeps values in `state.db`, which this process owns while it runs; a second owner is refused. */
export const layerSqlite: Layer.Layer<StateStore, StateStoreError, CryptoCore | KeyManager | PicConfig> = Layer.effect(
  StateStore,
  make
).pipe(Layer.provide(StorageThread.layer))

/** Layer that `storage.directory` asks for: memory, or a file. */
export const layerAuto: Layer.Layer<StateStore, StateStoreError, CryptoCore | KeyManager | PicConfig> = Layer.unwrap(
  Effect.map(
    PicConfig,
    (config): Layer.Layer<StateStore, StateStoreError, CryptoCore | KeyManager | PicConfig> =>
      config.settingsUnsafe().storage.directory === "memory" ? layerMemory : layerSqlite
  )
)
