import { Effect, Layer } from "effect"
import type { Decision } from "../../src/domain/Decision.ts"
import type { FailMode } from "../../src/domain/FailureClass.ts"
import { type Overrides, parts } from "../../src/layers/Embedded.ts"
import { AnomalyDetector } from "../../src/services/AnomalyDetector.ts"
import { BaselineProfiler } from "../../src/services/BaselineProfiler.ts"
import type { Judged } from "../../src/services/CellAgent.ts"
import { EventQueue } from "../../src/services/EventQueue.ts"
import { Monitor } from "../../src/services/Monitor.ts"
import type { Disk } from "./Store.ts"

/** Functions whose calls the simulated detector takes for attacks. */
export const hostile = "attack"

/** One call of the simulated application: what was in force when it began, what it was told, and whether it ran. */
export interface Call {
  readonly n: number
  readonly fn: string
  readonly startedAt: number
  readonly modeBefore: FailMode
  readonly enforcing: boolean
  interrupted: boolean
  ran: number
  decision: Decision | undefined
  modeAfter: FailMode | undefined
  /** Durable records of this decision at the moment when the verdict left the system. */
  durableBefore: number
  outcome: string
  answeredAt: number | undefined
}

const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

/** Everything that the checker looks at, and the layers that write it down. */
export const makeWitness = (disk: Disk) => {
  const calls: Array<Call> = []
  const scored = new Map<string, number>()
  const learned = new Map<string, number>()
  const outcomes = new Map<string, number>()

  let mode: () => FailMode = () => "open"

  const hear = (args: ReadonlyArray<unknown>, judged: Judged): void => {
    const call = calls[Number(args[0])]
    if (call === undefined) return
    call.decision = judged.decision
    call.modeAfter = mode()
    call.durableBefore = disk.durable.get(judged.decision.id) ?? 0
  }
  const monitor = Layer.effect(
    Monitor,
    Effect.map(Monitor, (inner) =>
      Monitor.of({
        ...inner,
        judgeUnsafe: (site, args, session) => {
          const judged = inner.judgeUnsafe(site, args, session)
          if (Effect.isEffect(judged)) return Effect.tap(judged, (late) => Effect.sync(() => hear(args, late)))
          hear(args, judged)
          return judged
        }
      }))
  ).pipe(Layer.provide(parts.Monitor))

  const detector = Layer.effect(
    AnomalyDetector,
    Effect.map(AnomalyDetector, (inner) =>
      AnomalyDetector.of({
        ...inner,
        scoreUnsafe: (event) => {
          count(scored, event.id)
          return event.fn === hostile
            ? { state: "ready", score: 50, pValue: 1e-9, findings: [] }
            : { state: "ready", score: 0, pValue: 0.5, findings: [] }
        }
      }))
  ).pipe(Layer.provide(parts.AnomalyDetector))

  const profiler = Layer.effect(
    BaselineProfiler,
    Effect.map(BaselineProfiler, (inner) =>
      BaselineProfiler.of({
        ...inner,
        learnUnsafe: (event, assessment) => {
          count(learned, event.id)
          return inner.learnUnsafe(event, assessment)
        },
        learnOutcomeUnsafe: (report) => {
          count(outcomes, report.eventId)
          return inner.learnOutcomeUnsafe(report)
        }
      }))
  ).pipe(Layer.provide(parts.BaselineProfiler))

  /** Looks at the queue whenever something was put into it. */
  const queuePeak = { size: 0, bytes: 0 }
  const watchQueue = (layer: typeof parts.EventQueue): typeof parts.EventQueue =>
    Layer.effect(
      EventQueue,
      Effect.map(EventQueue, (inner) =>
        EventQueue.of({
          ...inner,
          enqueueUnsafe: (item) => {
            const roomy = inner.enqueueUnsafe(item)
            const { bytes, size } = Effect.runSync(inner.status)
            queuePeak.size = Math.max(queuePeak.size, size)
            queuePeak.bytes = Math.max(queuePeak.bytes, bytes)
            return roomy
          }
        }))
    ).pipe(Layer.provide(layer))

  const overrides: Overrides = { Monitor: monitor, AnomalyDetector: detector, BaselineProfiler: profiler }
  const watchMode = (read: () => FailMode): void => {
    mode = read
  }
  return { calls, scored, learned, outcomes, overrides, watchMode, watchQueue, queuePeak }
}
export type Witness = ReturnType<typeof makeWitness>
