import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DecisionSource, Finding } from "../../domain/Decision.ts"
import { Counterfactual } from "../../domain/replay/Counterfactual.ts"
import * as Learned from "../../domain/detect/Learned.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as AnomalyDetectorLayer from "../../layers/brain/AnomalyDetector.ts"
import * as BaselineProfilerLayer from "../../layers/brain/BaselineProfiler.ts"
import { stateNames } from "../../layers/brain/BrainState.ts"
import * as StateStoreLayer from "../../layers/store/StateStore.ts"
import * as TraceStoreLayer from "../../layers/store/TraceStore.ts"
import { AnomalyDetector } from "../../services/AnomalyDetector.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { StateStore } from "../../services/StateStore.ts"
import { type TraceEntry, TraceStore } from "../../services/TraceStore.ts"

/** Most entries read: all that the store keeps. */
const entriesMax = 1_000_000

/** Decisions that rest on a p-value; the others were made without one, and no budget would change them. */
const judged: ReadonlySet<DecisionSource> = new Set<DecisionSource>(["brain", "observe", "local", "cache"])

/** Why a call looks unusual, by the baselines as they are now. */
export type Explain = (event: TelemetryEvent) => ReadonlyArray<Finding>

/** Explains by the saved baselines; fails where there are none that can be used, or where a running process owns them. */
export const explainer = Effect.gen(function*() {
  const store = yield* StateStore
  const profiler = yield* BaselineProfiler
  const detector = yield* AnomalyDetector
  const keys = yield* KeyManager
  const entry = yield* store.load(stateNames.baselines)
  const stored = entry._tag === "Found" ? Learned.decode(entry.bytes) : undefined
  const usable = stored !== undefined && stored.mark === Learned.markOf(keys.featureKeyUnsafe())
  if (!usable || !(yield* profiler.restore(stored.learned))) return yield* Effect.fail("there are no baselines")
  // Without the time: hours or days later the rate of then cannot be known.
  return (event: TelemetryEvent) => detector.scoreUnsafe({ ...event, timestamp: 0 }).findings
}).pipe(
  Effect.provide(
    Layer.mergeAll(
      AnomalyDetectorLayer.layer.pipe(Layer.provideMerge(BaselineProfilerLayer.layer)),
      StateStoreLayer.layerSqlite
    )
  )
)

/** The recent decisions of this storage directory, oldest first. */
export const recent = Effect.flatMap(TraceStore, (store) => store.recent(entriesMax)).pipe(
  Effect.provide(TraceStoreLayer.layerSqlite)
)

/** Puts a false-positive budget to recorded decisions. */
export const compare = (
  entries: ReadonlyArray<TraceEntry>,
  falsePositiveRate: number,
  explain: Explain | undefined
): Counterfactual => {
  const result = new Counterfactual()
  for (const { decision, event } of entries) {
    if (!judged.has(decision.source)) continue
    const blocked = decision.pValue < falsePositiveRate
    const isNew = blocked && !decision.wouldBlock
    const findings = decision.findings.length > 0 || !isNew ? decision.findings : explain?.(event) ?? []
    result.add({
      place: `decision ${decision.id}`,
      fn: event.fn,
      pValue: decision.pValue,
      findings,
      attack: undefined,
      before: decision.wouldBlock ? "block" : "allow",
      after: blocked ? "block" : "allow"
    })
  }
  return result
}
