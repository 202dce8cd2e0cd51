import { type Context, Effect, Layer, References } from "effect"
import * as Path from "node:path"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as PicConfig from "../../../src/layers/config/PicConfig.ts"
import * as CryptoCore from "../../../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../../src/layers/crypto/KeyManager.ts"
import * as Alerts from "../../../src/layers/observability/Alerts.ts"
import * as PicHealth from "../../../src/layers/observability/PicHealth.ts"
import * as PicMetrics from "../../../src/layers/observability/PicMetrics.ts"
import { stateHandler } from "../../../src/layers/store/StateRequests.ts"
import * as StateStores from "../../../src/layers/store/StateStore.ts"
import { StorageThread } from "../../../src/layers/store/StorageThread.ts"
import { StateStore, type StateStoreError } from "../../../src/services/StateStore.ts"

/** Names whose values the writer saves in turn: as in the system a large one and small ones. */
export const names = ["baselines", "counters", "rollout", "exceptions"] as const

/** Keys from a keyset file that lies apart from the state. */
export const keysIn = (keyset: string) =>
  KeyManager.layerFile.pipe(
    Layer.provideMerge(Layer.mergeAll(Layer.provideMerge(Alerts.layer, PicMetrics.layer), PicHealth.layer)),
    Layer.provideMerge(Layer.mergeAll(
      PicConfig.layerSettings(
        { storage: { directory: Path.dirname(keyset) }, crypto: { keyset_path: keyset } } satisfies SettingsInput
      ),
      PicClock.layer,
      CryptoCore.layer,
      Layer.succeed(References.MinimumLogLevel, "None")
    ))
  )

/** The state file of a directory without the thread, so that what a process does to the disk is in order. */
export const layerIn = (directory: string) => {
  const thread = Effect.acquireRelease(
    Effect.sync(() =>
      stateHandler({
        statePath: Path.join(directory, "state.db"),
        witnessPath: Path.join(directory, "audit.head.state"),
        tracePath: Path.join(directory, "trace.db"),
        traceRowsMax: 10,
        lockWaitMs: 1_000
      })
    ),
    (handle) => Effect.sync(() => handle({ op: "closeState" }))
  )
  return StateStores.layerThread.pipe(Layer.provide(Layer.effect(
    StorageThread,
    Effect.map(thread, (handle) => ({
      request: (message) =>
        Effect.try({
          try: () => message.store === "state" ? handle(message.request) : undefined,
          catch: (error) => ({ kind: "failed" as const, detail: error instanceof Error ? error.message : "?" })
        }),
      send: () => undefined,
      startsUnsafe: () => 1
    }))
  )))
}

/** The value of the `n`-th save: its number, then as many bytes as its name's values have. */
export const valueOf = (name: string, n: number): Uint8Array => {
  const bytes = new Uint8Array(name === "baselines" ? 4 + 9_000 + n * 977 % 9_000 : 4 + 60 + n % 50).fill(n)
  new DataView(bytes.buffer).setUint32(0, n)
  return bytes
}

const numberOf = (name: string, bytes: Uint8Array): number | undefined => {
  const n = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0)
  return Buffer.compare(bytes, valueOf(name, n)) === 0 ? n : undefined
}

/** A save that its caller was told is durable. */
export interface Saved {
  readonly name: string
  readonly n: number
}

/** The acknowledgements in the output of a writer; a line that a kill cut was read by nobody. */
export const acknowledgements = (output: string): ReadonlyArray<Saved> =>
  output.split("\n").slice(0, -1).flatMap((line) => {
    const [name = "", n = ""] = line.split(" ")
    return /^\d+$/.test(n) ? [{ name, n: Number(n) }] : []
  })

/** What is gone of what was acknowledged, and whether the file is refused or can no longer be written. */
export const inspectWith =
  (keys: Context.Context<Layer.Success<ReturnType<typeof keysIn>>>) =>
  (directory: string, acknowledged: ReadonlyArray<Saved>) => {
    const newest = new Map(acknowledged.map(({ n, name }) => [name, n]))
    const look = Effect.gen(function*() {
      const store = yield* StateStore
      let lost = 0
      let refused: string | undefined
      for (const name of names) {
        const entry = yield* store.load(name)
        const found = entry._tag === "Found" ? numberOf(name, entry.bytes) : undefined
        if ((found ?? 0) < (newest.get(name) ?? 0)) lost++
        if (entry._tag === "Refused") refused ??= `${name}: ${entry.detail}`
        if (entry._tag === "Found" && found === undefined) refused ??= `${name}: another value than any that was saved`
      }
      yield* store.save("counters", valueOf("counters", 1))
      const again = yield* store.load("counters")
      if (again._tag !== "Found") refused ??= "what was saved afterwards is not found"
      return { lost, refused }
    })
    return Effect.runPromise(
      look.pipe(
        Effect.provide(layerIn(directory)),
        Effect.catchTag(
          "StateStoreError",
          (error: StateStoreError) => Effect.succeed({ lost: newest.size, refused: error.message })
        ),
        Effect.provideContext(keys)
      )
    )
  }
