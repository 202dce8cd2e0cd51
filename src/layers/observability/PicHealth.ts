import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as Health from "../../domain/Health.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { type HealthStatus, PicHealth } from "../../services/PicHealth.ts"

/** Changes of health that a slow subscriber may fall behind; only the latest ones matter. */
export const backlogMax = 16

/** Layer that derives health from the settings and from what components report. */
export const layer: Layer.Layer<PicHealth, never, PicConfig> = Layer.effect(
  PicHealth,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const conditions = new Map<string, Health.Condition>()
    const changes = yield* PubSub.sliding<HealthStatus>({ capacity: backlogMax, replay: 1 })
    yield* Effect.addFinalizer(() => PubSub.shutdown(changes))
    let line = ""

    const current = (): HealthStatus => Health.status(config.settingsUnsafe(), [...conditions.values()])
    const publish = (): void => {
      const status = current()
      if (status.line === line) return
      line = status.line
      PubSub.publishUnsafe(changes, status)
    }
    publish()
    yield* Effect.forkScoped(Stream.runForEach(config.changes, () => Effect.sync(publish)))

    return PicHealth.of({
      reportUnsafe: (name, severity, reason) => {
        const before = conditions.get(name)
        if (before !== undefined && before.severity === severity && before.reason === reason) return
        if (before === undefined && conditions.size >= Health.conditionsMax) return
        conditions.set(name, { severity, reason })
        publish()
      },
      clearUnsafe: (name) => {
        if (conditions.delete(name)) publish()
      },
      status: Effect.sync(current),
      changes: Stream.fromPubSub(changes)
    })
  })
)
