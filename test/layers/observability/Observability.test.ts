import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { perMinuteMax } from "../../../src/domain/operate/AlertGate.ts"
import * as Alerts from "../../../src/layers/observability/Alerts.ts"
import * as PicHealth from "../../../src/layers/observability/PicHealth.ts"
import { Alerts as AlertsService } from "../../../src/services/Alerts.ts"
import { PicHealth as Health } from "../../../src/services/PicHealth.ts"
import { PicMetrics } from "../../../src/services/PicMetrics.ts"
import { makeConfig, observability } from "../../support/Flow.ts"

describe("PicMetrics", () => {
  it.effect("reports the seven metrics, as numbers, as Prometheus text and as metrics of Effect", () => {
    const registry = new Map()
    const config = makeConfig()
    return Effect.gen(function*() {
      const metrics = yield* PicMetrics
      for (let s = 0; s < 20; s++) {
        metrics.incrementUnsafe("events_sent", 50)
        yield* TestClock.adjust(1000)
      }
      for (let i = 1; i <= 100; i++) metrics.decisionLatencyUnsafe(i)
      metrics.queueUtilizationUnsafe(0.5)
      metrics.incrementUnsafe("throttling_events", 3)
      metrics.incrementUnsafe("security_violations")
      metrics.incrementUnsafe("backpressure_activations")
      metrics.incrementUnsafe("errors", 20)
      const stats = yield* metrics.getStats
      assert.closeTo(stats.eventRate, 50, 5)
      assert.isAbove(stats.errorRate, 0)
      assert.closeTo(stats.decisionLatencyMs.p50, 50, 1)
      assert.closeTo(stats.decisionLatencyMs.p95, 95, 2)
      assert.closeTo(stats.decisionLatencyMs.p99, 99, 2)
      assert.deepInclude(stats, {
        queueUtilization: 0.5,
        throttlingEvents: 3,
        securityViolations: 1,
        backpressureActivations: 1
      })

      const text = yield* metrics.prometheus
      assert.include(text, "# TYPE pic_events_sent_total counter\npic_events_sent_total 1000\n")
      assert.include(text, "pic_decision_latency_milliseconds_bucket{le=\"+Inf\"} 100\n")
      assert.match(text, /^# HELP pic_queue_utilization_ratio .+\n# TYPE pic_queue_utilization_ratio gauge\n.+ 0\.5$/m)

      const mirrored = yield* Metric.snapshot
      const sent = mirrored.find((m) => m.id === "pic_events_sent_total")
      assert.deepInclude(sent?.state, { count: 1000 })
      yield* metrics.getStats
      const again = (yield* Metric.snapshot).find((m) => m.id === "pic_events_sent_total")
      assert.deepInclude(again?.state, { count: 1000 }, "reading twice does not count twice")
    }).pipe(
      Effect.provide(observability.pipe(Layer.provide(config.layer))),
      Effect.provideService(Metric.MetricRegistry, registry)
    )
  })
})

describe("PicHealth", () => {
  it.effect("follows settings and conditions, and streams each change once", () => {
    const config = makeConfig()
    return Effect.gen(function*() {
      const health = yield* Health
      const lines = yield* Effect.forkChild(
        Stream.runCollect(Stream.take(Stream.map(health.changes, (s) => s.line), 4)),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      health.reportUnsafe("brain", "not_protecting", "no brain")
      health.reportUnsafe("brain", "not_protecting", "no brain")
      health.clearUnsafe("brain")
      health.clearUnsafe("brain")
      config.set({ rollout: { mode: "enforce", percent: 25 } })
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.join(lines), [
        "OBSERVING",
        "NOT PROTECTING: no brain",
        "OBSERVING",
        "ENFORCING 25 %"
      ])
      assert.strictEqual((yield* health.status).state, "enforcing")
    }).pipe(Effect.provide(PicHealth.layer.pipe(Layer.provide(config.layer))))
  })
})

describe("Alerts", () => {
  it.effect("streams, logs and counts, at a bounded rate per kind", () => {
    const logged: Array<unknown> = []
    const logger = Logger.layer([Logger.make((entry) => void logged.push(entry.message))])
    const config = makeConfig()
    return Effect.gen(function*() {
      const alerts = yield* AlertsService
      const received: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(alerts.stream, (a) => Effect.sync(() => void received.push(a.message))),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      for (let i = 0; i < 50; i++) alerts.raiseUnsafe("security_violation", `m${i}`)
      for (let i = 0; i < 50; i++) yield* Effect.yieldNow
      assert.lengthOf(received, perMinuteMax)
      assert.lengthOf(logged, perMinuteMax)
      assert.strictEqual((yield* (yield* PicMetrics).getStats).counters.alerts, 50)
      const health = yield* Health
      health.reportUnsafe("brain", "not_protecting", "no brain")
      yield* TestClock.adjust(1)
      assert.strictEqual(received.at(-1), "NOT PROTECTING: no brain")
    }).pipe(Effect.provide(
      Alerts.layerHealthAlerts.pipe(
        Layer.provideMerge(Alerts.layer),
        Layer.provideMerge(observability),
        Layer.provide(config.layer),
        Layer.provideMerge(logger)
      )
    ))
  })
})
