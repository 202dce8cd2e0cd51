import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Alert } from "../domain/Alert.ts"
import * as PicClock from "../layers/agent/PicClock.ts"
import * as PicConfigLayer from "../layers/config/PicConfig.ts"
import * as CryptoCore from "../layers/crypto/CryptoCore.ts"
import * as KeyManager from "../layers/crypto/KeyManager.ts"
import * as Embedded from "../layers/Embedded.ts"
import * as AuditStore from "../layers/store/AuditStore.ts"
import * as StateStore from "../layers/store/StateStore.ts"
import * as TraceStore from "../layers/store/TraceStore.ts"
import { Alerts } from "../services/Alerts.ts"
import { BaselineProfiler } from "../services/BaselineProfiler.ts"
import { PicConfig } from "../services/PicConfig.ts"
import { PicHealth } from "../services/PicHealth.ts"
import * as OperatorServer from "./operator/OperatorServer.ts"

/** How an embedded system differs from the default one. */
export interface PicOptions extends PicConfigLayer.ConfigOptions {
  /** Layers that stand in for shipped ones, by the name of the service. */
  readonly overrides?: Embedded.Overrides | undefined
}

const memory = Layer.mergeAll(AuditStore.layerMemory, StateStore.layerMemory, TraceStore.layerMemory).pipe(
  Layer.provideMerge(KeyManager.layerMemory)
)

const files = Layer.mergeAll(AuditStore.layerSqlite, StateStore.layerSqlite, TraceStore.layerSqlite).pipe(
  Layer.provideMerge(KeyManager.layerFile)
)

/**
 * Keys and stores as configured. Where they cannot be opened, fail-open means to protect from memory and say so, and
 * fail-closed means not to start. `state.db` falls back alone: a second process on a directory still shares its keys
 * and its evidence.
 */
const persistence = Layer.unwrap(Effect.gen(function*() {
  const config = yield* PicConfig
  const health = yield* PicHealth
  const { cellagent, storage } = config.settingsUnsafe()
  if (storage.directory === "memory") {
    health.reportUnsafe("storage", "degraded", "storage.directory is memory: nothing survives a restart")
    return memory
  }
  if (cellagent.fail_mode === "closed") return files
  const degraded = (name: string, error: { readonly message: string }, lost: string) =>
    health.reportUnsafe(
      name,
      "degraded",
      `${storage.directory} cannot be used (${error.message}); ${lost} in memory only`
    )
  const stateOrMemory = Layer.catch(StateStore.layerSqlite, (error) => {
    degraded("state storage", error, "what this process learns and what operators change is")
    return StateStore.layerMemory
  })
  const shared = Layer.mergeAll(AuditStore.layerSqlite, stateOrMemory, TraceStore.layerSqlite).pipe(
    Layer.provideMerge(KeyManager.layerFile)
  )
  return Layer.catch(shared, (error) => {
    degraded("storage", error, "keys, baselines and evidence are")
    return memory
  })
}))

const announce = Layer.effectDiscard(Effect.gen(function*() {
  const health = yield* PicHealth
  const { line, reasons } = yield* health.status
  yield* Effect.logInfo(`effect-pic: ${line}`)
  for (const reason of reasons) yield* Effect.logWarning(`effect-pic: ${reason}`)
}))

/**
 * Layer with agent, brain and stores in this process. Provide it once, at the edge of the program.
 *
 * Configuration comes from files, environment and `options.settings`; a wrong one is refused as a whole
 * (`PicConfigError`). The scope of the layer drains queues and writes the last evidence when it closes.
 */
export const layerWith = (options: PicOptions) =>
  Layer.mergeAll(announce, OperatorServer.layer).pipe(
    Layer.provideMerge(Embedded.layerWith(options.overrides ?? {})),
    Layer.provideMerge(persistence),
    Layer.provideMerge(Embedded.observability),
    Layer.provideMerge(Layer.mergeAll(PicConfigLayer.layer(options), PicClock.layer, CryptoCore.layer))
  )

/** The embedded system with zero configuration: files and environment where they are, SQLite state in `.pic`, observing. */
export const layer = layerWith({})

/**
 * Ends the learning phase now, for every function that was called at least `brain.min_samples` times: for tests, demos and
 * replays that know when they have shown everything that is normal.
 */
export const finishLearning: Effect.Effect<void, never, BaselineProfiler> = Effect.flatMap(
  BaselineProfiler,
  (profiler) => profiler.finishLearning
)

/** What an operator should know at once, as it happens. */
export const alerts: Stream.Stream<Alert, never, Alerts> = Stream.unwrap(
  Effect.map(Alerts, (service) => service.stream)
)
