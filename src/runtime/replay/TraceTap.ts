import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Assessment } from "../../domain/Assessment.ts"
import { LatencyHistogram } from "../../domain/operate/LatencyHistogram.ts"
import type { OutcomeReport } from "../../domain/Outcome.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as AnomalyDetectorLayer from "../../layers/brain/AnomalyDetector.ts"
import * as BaselineProfilerLayer from "../../layers/brain/BaselineProfiler.ts"
import type * as Embedded from "../../layers/Embedded.ts"
import { AnomalyDetector } from "../../services/AnomalyDetector.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"

/** How a call went, as the trace says. */
export interface TraceOutcome {
  /** Epoch ms of the call, 0 where unknown. */
  readonly time: number
  readonly durationMs: number
  /** Hears the assessment of the outcome, once the function is judged. */
  readonly assessed: (assessment: Assessment) => void
}

/**
 * Sits between the pipeline and its models: gives them the times of the trace, and remembers what they answered. The
 * pipeline's own clock never goes back, but two functions of a trace may have been recorded years apart; and a
 * duration of a microsecond is lost in the difference of two epoch times.
 */
export class TraceTap {
  /** Epoch ms of the call that is being judged; 0 where the trace does not say. */
  time = 0
  /** The assessment of the call that was judged last; `undefined` where it never reached the detector. */
  assessment: Assessment | undefined
  /** Outcomes under way, by event id. */
  readonly outcomes = new Map<string, TraceOutcome>()
  /** How long the scoring of each call took. */
  readonly latency = new LatencyHistogram()
  #received: TelemetryEvent | undefined
  #timed: TelemetryEvent | undefined

  /** The event with the time of the trace: one object per event, as the models recognise an event by identity. */
  timed(event: TelemetryEvent): TelemetryEvent {
    if (this.#received !== event || this.#timed === undefined) {
      this.#received = event
      this.#timed = { ...event, timestamp: this.time }
    }
    return this.#timed
  }

  /** The report with the duration of the trace. */
  measured(report: OutcomeReport): OutcomeReport {
    const outcome = this.outcomes.get(report.eventId)
    if (outcome === undefined) return report
    const { durationMs, time } = outcome
    return { ...report, timestamp: time, outcome: { ...report.outcome, durationMs } }
  }

  /** The shipped detector and profiler with this tap in front of them. */
  readonly overrides: Embedded.Overrides = {
    AnomalyDetector: Layer.effect(
      AnomalyDetector,
      Effect.gen({ self: this }, function*() {
        const inner = yield* AnomalyDetector
        const clock = yield* Clock.Clock
        const scoreUnsafe = (event: TelemetryEvent): Assessment => {
          const timed = this.timed(event)
          const startedAt = clock.monotonicTimeNanosUnsafe()
          const assessment = inner.scoreUnsafe(timed)
          this.latency.record(Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e6)
          return this.assessment = assessment
        }
        return AnomalyDetector.of({ scoreUnsafe, score: (event) => Effect.sync(() => scoreUnsafe(event)) })
      })
    ).pipe(Layer.provide(AnomalyDetectorLayer.layer)),
    BaselineProfiler: Layer.effect(
      BaselineProfiler,
      Effect.map(BaselineProfiler, (inner) =>
        BaselineProfiler.of({
          ...inner,
          learnUnsafe: (event, assessment) => inner.learnUnsafe(this.timed(event), assessment),
          learnOutcomeUnsafe: (report) => {
            const assessment = inner.learnOutcomeUnsafe(this.measured(report))
            if (assessment !== undefined) this.outcomes.get(report.eventId)?.assessed(assessment)
            this.outcomes.delete(report.eventId)
            return assessment
          }
        }))
    ).pipe(Layer.provide(BaselineProfilerLayer.layer))
  }
}
