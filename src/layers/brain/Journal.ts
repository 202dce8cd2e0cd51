import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Settings } from "../../domain/settings/Settings.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"

/** What of the settings is worth a record when it changes while running. */
const summaryOf = ({ cellagent, rollout }: Settings) => ({
  fail_mode: cellagent.fail_mode,
  sampling_rate: cellagent.sampling_rate,
  global_rate_limit: cellagent.global_rate_limit,
  per_function_limit: cellagent.per_function_limit,
  rollout_mode: rollout.mode,
  rollout_percent: rollout.percent
})

const kindOf = (before: Settings, after: Settings): "mode" | "rollout" | "config" =>
  before.rollout.mode !== after.rollout.mode || before.rollout.percent !== after.rollout.percent
    ? "rollout"
    : before.cellagent.fail_mode !== after.cellagent.fail_mode
    ? "mode"
    : "config"

/** Layer that writes the life of the system itself into the evidence: start, stop, keys, modes, rollout and health. */
export const layer: Layer.Layer<never, never, AuditLogger | KeyManager | PicConfig | PicHealth> = Layer.effectDiscard(
  Effect.gen(function*() {
    const audit = yield* AuditLogger
    const config = yield* PicConfig
    const keys = yield* KeyManager
    const health = yield* PicHealth
    let before = config.settingsUnsafe()

    audit.recordUnsafe("start", { ...summaryOf(before), pid: process.pid })
    // `exit`: a stop that cannot be recorded must still stop.
    yield* Effect.addFinalizer(() => Effect.exit(Effect.sync(() => audit.recordUnsafe("stop", { pid: process.pid }))))
    yield* Effect.forkScoped(
      Stream.runForEach(
        keys.events,
        ({ detail, kind }) => Effect.sync(() => audit.recordUnsafe("key", { event: kind, detail }))
      )
    )
    yield* Effect.forkScoped(Stream.runForEach(config.changes, (after) =>
      Effect.sync(() => {
        audit.recordUnsafe(kindOf(before, after), { from: summaryOf(before), to: summaryOf(after) })
        before = after
      })))
    yield* Effect.forkScoped(
      Stream.runForEach(
        health.changes,
        ({ reasons, state }) => Effect.sync(() => audit.recordUnsafe("health", { state, reasons: [...reasons] }))
      )
    )
  })
)
