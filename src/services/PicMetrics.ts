import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/** Counters that components move; each is also an Effect metric and a Prometheus line. */
export type Counter =
  | "events_sent"
  | "decisions_allowed"
  | "decisions_blocked"
  | "would_block"
  | "throttling_events"
  | "security_violations"
  | "errors"
  | "backpressure_activations"
  | "alerts"
  | "attacks_blocked"
  | "outcomes_lost"
  | "audit_records"
  | "audit_failures"
  | "attacks_replayed"
  | "attacks_forged"

/** The seven metrics of the specification at one moment. Latencies in milliseconds, rates per second. */
export interface MetricsSnapshot {
  readonly eventRate: number
  readonly decisionLatencyMs: {
    readonly p50: number
    readonly p95: number
    readonly p99: number
    readonly count: number
  }
  readonly queueUtilization: number
  readonly throttlingEvents: number
  readonly securityViolations: number
  readonly errorRate: number
  readonly backpressureActivations: number
  readonly counters: Readonly<Record<Counter, number>>
}

/** Counts and times; the per-call methods cost a few nanoseconds. */
export class PicMetrics extends Context.Service<PicMetrics, {
  readonly incrementUnsafe: (counter: Counter, by?: number) => void
  /** Records the latency of a decision as the caller saw it, in milliseconds. */
  readonly decisionLatencyUnsafe: (ms: number) => void
  readonly queueUtilizationUnsafe: (fraction: number) => void
  /** Adds the totals of earlier runs to the counters; rates and the metrics of Effect stay those of this run. */
  readonly restore: (totals: Readonly<Record<string, number>>) => Effect.Effect<void>
  readonly getStats: Effect.Effect<MetricsSnapshot>
  /** The same in Prometheus text format. */
  readonly prometheus: Effect.Effect<string>
}>()("effect-pic/services/PicMetrics") {}
