import { Effect, Layer } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as PicConfig from "../../../src/layers/config/PicConfig.ts"
import * as CryptoCore from "../../../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../../src/layers/crypto/KeyManager.ts"
import * as Alerts from "../../../src/layers/observability/Alerts.ts"
import * as PicHealth from "../../../src/layers/observability/PicHealth.ts"
import * as PicMetrics from "../../../src/layers/observability/PicMetrics.ts"

/** A directory that goes with the scope. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-store-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** What every store stands on. Keys come from the keyset file of the directory, so that they survive reopening. */
export const foundation = (directory: string, settings: SettingsInput = {}) =>
  (directory === "memory" ? KeyManager.layerMemory : KeyManager.layerFile).pipe(
    Layer.provideMerge(Layer.mergeAll(Layer.provideMerge(Alerts.layer, PicMetrics.layer), PicHealth.layer)),
    Layer.provideMerge(Layer.mergeAll(
      PicConfig.layerSettings({ ...settings, storage: { directory } }),
      PicClock.layer,
      CryptoCore.layer
    ))
  )

/** A layer over a fresh directory of its own. */
export const inFreshDirectory = <A, E, R>(make: (directory: string) => Layer.Layer<A, E, R>) =>
  Layer.unwrap(Effect.map(temporaryDirectory, make))

export const body = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
