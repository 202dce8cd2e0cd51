import * as Layer from "effect/Layer"
import type { SettingsInput } from "../../domain/settings/Settings.ts"
import type { CryptoCore } from "../../services/CryptoCore.ts"
import * as PicClock from "../agent/PicClock.ts"
import * as PicConfig from "../config/PicConfig.ts"
import * as KeyManager from "../crypto/KeyManager.ts"
import * as Embedded from "../Embedded.ts"
import * as AuditStore from "../store/AuditStore.ts"
import * as StateStore from "../store/StateStore.ts"
import * as TraceStore from "../store/TraceStore.ts"
import * as SeededCrypto from "./SeededCrypto.ts"

/** How a test system differs from the default one. */
export interface PicTestOptions {
  /** Settings over the defaults; neither files nor environment are read. */
  readonly settings?: SettingsInput | undefined
  /** Layers that stand in for shipped ones, by the name of the service. */
  readonly overrides?: Embedded.Overrides | undefined
  /** Stands in for the seeded primitives. */
  readonly crypto?: Layer.Layer<CryptoCore> | undefined
  /** Seed of all randomness. Default 1. */
  readonly seed?: number | undefined
}

/**
 * Layer with the whole embedded system, deterministic: state in memory, time from the Clock (the TestClock in
 * `it.effect`), randomness from a seed. Enforces by default, so that a test sees blocks.
 */
export const layerWith = (options: PicTestOptions) =>
  Embedded.layerWith(options.overrides ?? {}).pipe(
    Layer.provideMerge(Layer.mergeAll(AuditStore.layerMemory, StateStore.layerMemory, TraceStore.layerMemory)),
    Layer.provideMerge(KeyManager.layerMemory),
    Layer.provideMerge(Embedded.observability),
    Layer.provideMerge(Layer.mergeAll(
      PicConfig.layerSettings({
        ...options.settings,
        storage: { directory: "memory" },
        rollout: { mode: "enforce", ...options.settings?.rollout }
      }),
      PicClock.layer,
      options.crypto ?? SeededCrypto.layer(options.seed ?? 1)
    ))
  )

/** The deterministic system with default settings, enforcing. */
export const layer = layerWith({})
