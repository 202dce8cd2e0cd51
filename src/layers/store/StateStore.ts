import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { sealMacBytes, stateMacHeader } from "../../domain/audit/StateBytes.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { type StateEntry, StateStore, StateStoreError } from "../../services/StateStore.ts"
import * as StorageThread from "./StorageThread.ts"
import type { StateContents, StateRequest, StateRow } from "./StateRequests.ts"
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

/** What is known of the file: the values in it that can be used, and why none of the others can. */
interface Known {
  readonly marks: Map<string, Omit<StateRow, "bytes">>
  readonly wrong: string | undefined
  generation: number
}

const know = (
  { rows, seal, witness }: StateContents,
  verified: (keyId: string, data: Uint8Array, mac: Uint8Array) => boolean
): Known => {
  const generation = rows.reduce((max, row) => Math.max(max, row.generation), 0)
  const sealed = rows.length === 0 || (seal !== undefined && verified(seal.keyId, sealMacBytes(rows), seal.mac))
  const wrong = !sealed
    ? "the seal of the state file does not verify"
    : generation < witness
    ? `the state file is an old or an empty one: save ${generation} of ${witness}`
    : undefined
  return {
    marks: new Map(wrong === undefined ? rows.map((row) => [row.name, row]) : []),
    wrong,
    generation: Math.max(generation, witness)
  }
}

const make = Effect.gen(function*() {
  const crypto = yield* CryptoCore
  const keys = yield* KeyManager
  const files = StorageThread.forState(yield* StorageThread.StorageThread)
  const turn = yield* Semaphore.make(1)

  const verified = (keyId: string, data: Uint8Array, mac: Uint8Array, more?: Uint8Array): boolean => {
    const key = keys.verifyKeyUnsafe("state", keyId)
    return key !== undefined && crypto.verifyMacUnsafe(key, data, mac, more)
  }
  const read = Effect.map(files.request({ op: "openState" }), (contents) => know(contents as StateContents, verified))
  // Another owner or a foreign file is for the operator to settle. What may heal must not keep the application from
  // starting: every request tries to read again.
  let doubtful = false
  let known = yield* Effect.catch(read, (failure) => {
    if (failure.kind === "refused" || failure.kind === "foreign") return Effect.fail(toError(failure))
    doubtful = true
    return Effect.succeed<Known>({ marks: new Map(), wrong: failure.detail, generation: 0 })
  })
  // A save that failed may have happened, and a damaged file is gone: what is in the file then is what the file says.
  const request = (message: StateRequest, handedOver?: ReadonlyArray<ArrayBuffer>) =>
    Effect.mapError(files.request(message, handedOver), (failure) => {
      doubtful = true
      return toError(failure)
    })
  const current = Effect.suspend(() =>
    doubtful
      ? Effect.map(Effect.mapError(read, toError), (now) => {
        doubtful = false
        return known = now
      })
      : Effect.succeed(known)
  )

  const save = (name: string, bytes: Uint8Array<ArrayBuffer>) =>
    Effect.flatMap(current, ({ generation, marks, wrong }) => {
      if (!marks.has(name) && marks.size >= namesMax) return Effect.fail(tooMany)
      const key = keys.getActiveKeyUnsafe("state")
      const macOf = (data: Uint8Array, more?: Uint8Array) => new Uint8Array(crypto.macUnsafe(key, data, more))
      const next = generation + 1
      const row = { name, generation: next, keyId: key.id, mac: macOf(stateMacHeader(name, next, bytes), bytes), bytes }
      const others = [...marks.values()].filter((mark) => mark.name !== name)
      const newSeal = { keyId: key.id, mac: macOf(sealMacBytes([...others, row])) }
      // Refused values go with the first save: sealed anew, they would pass as valid.
      const reset = wrong !== undefined && marks.size === 0
      return Effect.map(request({ op: "save", row, seal: newSeal, reset }, [bytes.buffer]), () => {
        known.generation = next
        const { bytes: _, ...mark } = row
        marks.set(name, mark)
      })
    })

  const load = (name: string) =>
    Effect.flatMap(current, ({ marks, wrong }): Effect.Effect<StateEntry, StateStoreError> => {
      if (wrong !== undefined && !marks.has(name)) return Effect.succeed({ _tag: "Refused", detail: wrong })
      return Effect.map(request({ op: "load", name }), (found): StateEntry => {
        if (found === undefined) return absent
        const row = found as StateRow
        if (row.generation !== marks.get(name)?.generation) {
          return { _tag: "Refused", detail: `${name} is not the value that was saved last` }
        }
        return verified(row.keyId, stateMacHeader(name, row.generation, row.bytes), row.mac, row.bytes)
          ? { _tag: "Found", bytes: row.bytes }
          : { _tag: "Refused", detail: `the MAC of ${name} does not verify` }
      })
    })

  return StateStore.of({
    save: (name, bytes) =>
      Effect.andThen(
        refuseLarge(bytes),
        // A copy for the thread alone: handed over, it is not copied again on the way.
        turn.withPermits(1)(Effect.uninterruptible(Effect.suspend(() => save(name, new Uint8Array(bytes)))))
      ),
    load: (name) => turn.withPermits(1)(load(name))
  })
})

/** Layer over the storage thread that the stores of a directory share. */
export const layerThread: Layer.Layer<
  StateStore,
  StateStoreError,
  CryptoCore | KeyManager | StorageThread.StorageThread
> = Layer.effect(StateStore, make)

/** Layer that keeps values in `state.db`, which this process owns while it runs; a second owner is refused. */
export const layerSqlite: Layer.Layer<StateStore, StateStoreError, CryptoCore | KeyManager | PicConfig> = layerThread
  .pipe(Layer.provide(StorageThread.layer))

/** Layer that `storage.directory` asks for: memory, or a file. */
export const layerAuto: Layer.Layer<StateStore, StateStoreError, CryptoCore | KeyManager | PicConfig> = Layer.unwrap(
  Effect.map(
    PicConfig,
    (config): Layer.Layer<StateStore, StateStoreError, CryptoCore | KeyManager | PicConfig> =>
      config.settingsUnsafe().storage.directory === "memory" ? layerMemory : layerSqlite
  )
)
