import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Counter, MetricsSnapshot } from "../../services/PicMetrics.ts"

/** What each counter counts, for people who read a dashboard. */
export const counterHelp: Readonly<Record<Counter, string>> = {
  events_sent: "Events sent to the brain.",
  decisions_allowed: "Decisions that allowed the call.",
  decisions_blocked: "Decisions that blocked the call.",
  would_block: "Calls that enforcement would have blocked.",
  throttling_events: "Calls over a rate limit.",
  security_violations: "Messages refused as forged, stale, replayed or malformed.",
  errors: "Errors of effect-pic itself; none of them reached the application.",
  backpressure_activations: "Times the brain asked its agents to send less.",
  alerts: "Alerts raised, those held back by their rate limit included.",
  attacks_blocked: "Calls blocked as anomalous.",
  outcomes_lost: "Outcomes of calls that could not be reported.",
  audit_records: "Evidence records written.",
  audit_failures: "Evidence records that could not be written in time.",
  attacks_replayed: "Replayed messages refused.",
  attacks_forged: "Forged messages refused."
}

/** All counters. */
export const counterNames = Object.keys(counterHelp) as ReadonlyArray<Counter>

/** Makes the function that copies a snapshot to the metrics of Effect; counters advance by what is new since the last. */
export const mirror: Effect.Effect<(stats: MetricsSnapshot) => Effect.Effect<void>> = Effect.sync(() => {
  const counters = counterNames.map((name) => ({
    name,
    metric: Metric.counter(`pic_${name}_total`, { description: counterHelp[name], incremental: true }),
    seen: 0
  }))
  const gauges = gaugeValues.map(([name, description, value]) => ({
    metric: Metric.gauge(name, { description }),
    value
  }))
  return (stats) =>
    Effect.gen(function*() {
      for (const counter of counters) {
        const value = stats.counters[counter.name]
        const fresh = value - counter.seen
        counter.seen = value
        if (fresh > 0) yield* Metric.update(counter.metric, fresh)
      }
      for (const gauge of gauges) yield* Metric.update(gauge.metric, gauge.value(stats))
    })
})

const gaugeValues: ReadonlyArray<
  readonly [name: string, description: string, value: (stats: MetricsSnapshot) => number]
> = [
  ["pic_event_rate", "Events sent per second.", (s) => s.eventRate],
  ["pic_error_rate", "Errors of effect-pic itself per second.", (s) => s.errorRate],
  ["pic_queue_utilization_ratio", "Fullness of the event queue, 0 to 1.", (s) => s.queueUtilization],
  ["pic_decision_latency_p50_milliseconds", "Median time to a decision.", (s) => s.decisionLatencyMs.p50],
  [
    "pic_decision_latency_p95_milliseconds",
    "95th percentile of the time to a decision.",
    (s) => s.decisionLatencyMs.p95
  ],
  [
    "pic_decision_latency_p99_milliseconds",
    "99th percentile of the time to a decision.",
    (s) => s.decisionLatencyMs.p99
  ]
]
