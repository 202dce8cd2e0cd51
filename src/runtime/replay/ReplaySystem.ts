import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { defaults, durationMsMax, type Settings, type SettingsInput } from "../../domain/settings/Settings.ts"
import * as PicClock from "../../layers/agent/PicClock.ts"
import * as TelemetryGenerator from "../../layers/agent/TelemetryGenerator.ts"
import * as PicConfig from "../../layers/config/PicConfig.ts"
import * as CryptoCore from "../../layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../layers/crypto/KeyManager.ts"
import * as Embedded from "../../layers/Embedded.ts"
import * as StateStore from "../../layers/store/StateStore.ts"
import * as TraceStore from "../../layers/store/TraceStore.ts"
import * as EvidenceSink from "./EvidenceSink.ts"
import type { TraceTap } from "./TraceTap.ts"

/** Where the pipeline's clock stands for a trace without times: a fixed moment, in epoch ms. */
export const clockStartMs = 1_000_000_000_000

/** A limit that no replay reaches: calls come as fast as they can be read, not as fast as they happened. */
const unlimited = 1e9

/** The key of the features, fixed, so that two replays of one trace give the same scores. */
const featureKey = [0x9e37_79b9, 0x7f4a_7c15] as const

/**
 * What a replay sets whatever the configuration says: every call is judged, in enforcement, nothing is throttled, cut
 * short or kept, and learning ends when the learning files end.
 */
const replaySettings: SettingsInput = {
  cellagent: {
    enabled: true,
    fail_open_budget: "off",
    brain_timeout_ms: durationMsMax,
    deadline_ms: durationMsMax,
    global_rate_limit: unlimited,
    per_function_limit: unlimited,
    burst: "limit",
    sampling_rate: 1
  },
  brain: { min_seconds: Number.MAX_SAFE_INTEGER, cache_ttl_ms: 0 },
  crypto: { rotation_days: unlimited, keyset_path: "" },
  rollout: { mode: "enforce", percent: 100 },
  storage: { directory: "memory" },
  audit: { head_path: "", allows: "summary", wait_ms: durationMsMax, on_failure: "block", retention_days: "off" },
  limits: { memory_mb: unlimited, cpu_share: 1, cpu_cap: "off" }
}

const sections = Object.keys(defaults) as ReadonlyArray<keyof Settings>

const overridden = (given: SettingsInput): SettingsInput =>
  Object.fromEntries(sections.map((section) => [section, { ...given[section], ...replaySettings[section] }]))

/**
 * Layer with the embedded system as shipped, on trace time, and the function that moves that time. `config` says where
 * the rest of the configuration comes from.
 */
export const make = (config: PicConfig.ConfigOptions, tap: TraceTap) => {
  const clock = PicClock.makeManual(clockStartMs)
  let lastError = ""
  // Alerts would be log lines of a system that protects nothing; only failures of our own are worth keeping.
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Error") lastError = String(message)
  })
  const overrides = { ...tap.overrides, TelemetryGenerator: TelemetryGenerator.layerKeyed(featureKey) }
  const layer = Embedded.layerWith(overrides).pipe(
    Layer.provideMerge(Layer.mergeAll(EvidenceSink.layer, StateStore.layerMemory, TraceStore.layerMemory)),
    Layer.provideMerge(KeyManager.layerMemory),
    Layer.provideMerge(Embedded.observability),
    Layer.provideMerge(Layer.mergeAll(
      PicConfig.layer({ ...config, settings: overridden(config.settings ?? {}) }),
      clock.layer,
      CryptoCore.layer
    )),
    Layer.provide(Logger.layer([logger]))
  )
  return { layer, setTime: clock.set, lastError: () => lastError }
}
