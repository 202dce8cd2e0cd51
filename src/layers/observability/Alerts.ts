import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Alert, AlertKind } from "../../domain/Alert.ts"
import { AlertGate } from "../../domain/operate/AlertGate.ts"
import { Alerts } from "../../services/Alerts.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"

/** Alerts that a slow subscriber may fall behind before it loses the oldest. */
export const backlogMax = 256

/** Layer that streams, logs and counts alerts, a bounded number of each kind a minute. */
export const layer: Layer.Layer<Alerts, never, PicClock | PicMetrics> = Layer.effect(
  Alerts,
  Effect.gen(function*() {
    const clock = yield* PicClock
    const metrics = yield* PicMetrics
    const gate = new AlertGate()
    const published = yield* PubSub.sliding<Alert>(backlogMax)
    const toLog = yield* Queue.sliding<Alert>(backlogMax)
    yield* Effect.addFinalizer(() => Effect.andThen(Queue.shutdown(toLog), PubSub.shutdown(published)))
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(toLog), log)))

    const raiseUnsafe = (kind: AlertKind, message: string): void => {
      try {
        metrics.incrementUnsafe("alerts")
        const timestamp = clock.nowUnsafe()
        const passed = gate.admit(kind, message, timestamp)
        if (passed === undefined) return
        const alert: Alert = { kind, timestamp, message: passed }
        PubSub.publishUnsafe(published, alert)
        Queue.offerUnsafe(toLog, alert)
      } catch {
        // An alert that cannot be raised is counted above; raising it must not become a failure of the caller.
      }
    }
    return Alerts.of({ raiseUnsafe, stream: Stream.fromPubSub(published) })
  })
)

/** Layer that raises an alert whenever health becomes degraded or not protecting. */
export const layerHealthAlerts: Layer.Layer<never, never, Alerts | PicHealth> = Layer.effectDiscard(
  Effect.gen(function*() {
    const alerts = yield* Alerts
    const health = yield* PicHealth
    yield* Effect.forkScoped(Stream.runForEach(health.changes, (status) =>
      Effect.sync(() => {
        if (status.state === "degraded" || status.state === "not_protecting") {
          alerts.raiseUnsafe(status.state, status.line)
        }
      })))
  })
)

const log = (alert: Alert): Effect.Effect<void> =>
  Effect.annotateLogs(
    alert.kind === "review" || alert.kind === "degraded"
      ? Effect.logWarning(alert.message)
      : Effect.logError(alert.message),
    { alert: alert.kind }
  )
