import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LatencyHistogram } from "../../domain/operate/LatencyHistogram.ts"
import * as Prometheus from "../../domain/operate/Prometheus.ts"
import { Rates } from "../../domain/flow/Rates.ts"
import { PicClock } from "../../services/PicClock.ts"
import { type Counter, type MetricsSnapshot, PicMetrics } from "../../services/PicMetrics.ts"
import { counterHelp, counterNames, mirror } from "./EffectMetrics.ts"

/** How often counters are marked for rates and copied to the metrics of Effect. */
export const tickInterval = "1 second"

/** Bounds of the latency histogram in the Prometheus text, in ms: around the targets of 5, 10 and 50 ms. */
export const latencyBounds: ReadonlyArray<number> = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 25, 50, 100, 250, 1000]

const errorCounters: ReadonlyArray<Counter> = ["errors", "audit_failures"]

/** Layer with plain counters on the per-call path; they are copied to the metrics of Effect off it. */
export const layer: Layer.Layer<PicMetrics, never, PicClock> = Layer.effect(
  PicMetrics,
  Effect.gen(function*() {
    const clock = yield* PicClock
    const counters: Record<Counter, number> = { ...zero }
    const earlier: Record<Counter, number> = { ...zero }
    const latency = new LatencyHistogram()
    let queueUtilization = 0
    const errors = (): number => errorCounters.reduce((sum, name) => sum + counters[name], 0)
    const rates = new Rates(clock.nowUnsafe(), [0, 0])

    const snapshot = (): MetricsSnapshot => {
      const now = clock.nowUnsafe()
      const totals = { ...counters }
      for (const name of counterNames) totals[name] += earlier[name]
      return {
        eventRate: rates.rate(0, counters.events_sent, now),
        decisionLatencyMs: {
          p50: latency.quantile(0.5),
          p95: latency.quantile(0.95),
          p99: latency.quantile(0.99),
          count: latency.count
        },
        queueUtilization,
        throttlingEvents: totals.throttling_events,
        securityViolations: totals.security_violations,
        errorRate: rates.rate(1, errors(), now),
        backpressureActivations: totals.backpressure_activations,
        counters: totals
      }
    }
    const context = yield* Effect.context<never>()
    const publish = yield* mirror
    // In the context of the layer, so that a reader's registry does not receive a second copy.
    const read = Effect.provideContext(
      Effect.tap(Effect.sync(snapshot), (stats) => publish({ ...stats, counters })),
      context
    )
    yield* Effect.addFinalizer(() => Effect.asVoid(read))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(
      Effect.sleep(tickInterval),
      Effect.tap(read, () => Effect.sync(() => rates.mark(clock.nowUnsafe(), [counters.events_sent, errors()])))
    )))

    return PicMetrics.of({
      incrementUnsafe: (counter, by = 1) => {
        counters[counter] += by
      },
      decisionLatencyUnsafe: (ms) => latency.record(ms),
      queueUtilizationUnsafe: (fraction) => {
        queueUtilization = fraction
      },
      restore: (totals) =>
        Effect.sync(() => {
          for (const name of counterNames) earlier[name] += totals[name] ?? 0
        }),
      getStats: read,
      prometheus: Effect.map(read, (stats) => Prometheus.format(families(stats, latency)))
    })
  })
)

const zero = Object.fromEntries(counterNames.map((name) => [name, 0])) as Record<Counter, number>

const families = (stats: MetricsSnapshot, latency: LatencyHistogram): ReadonlyArray<Prometheus.Family> => {
  const gauge = (name: string, help: string, value: number): Prometheus.Family => ({
    name: `pic_${name}`,
    help,
    type: "gauge",
    samples: [{ value }]
  })
  const below = latency.cumulative(latencyBounds)
  return [
    ...counterNames.map((name): Prometheus.Family => ({
      name: `pic_${name}_total`,
      help: counterHelp[name],
      type: "counter",
      samples: [{ value: stats.counters[name] }]
    })),
    gauge("event_rate", "Events sent per second.", stats.eventRate),
    gauge("error_rate", "Errors of effect-pic itself per second.", stats.errorRate),
    gauge("queue_utilization_ratio", "Fullness of the event queue, 0 to 1.", stats.queueUtilization),
    {
      name: "pic_decision_latency_milliseconds",
      help: "Time from the call to its decision, as the caller saw it.",
      type: "histogram",
      samples: [
        ...latencyBounds.map((bound, i) => ({ suffix: "_bucket", labels: { le: String(bound) }, value: below[i]! })),
        { suffix: "_bucket", labels: { le: "+Inf" }, value: latency.count },
        { suffix: "_sum", value: latency.sum },
        { suffix: "_count", value: latency.count }
      ]
    }
  ]
}
