import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Learned from "../../domain/detect/Learned.ts"
import * as SavedCounters from "../../domain/operate/SavedCounters.ts"
import { Alerts } from "../../services/Alerts.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import type { PicHealth } from "../../services/PicHealth.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import type { StateStore } from "../../services/StateStore.ts"
import * as StateKeeper from "./StateKeeper.ts"

/** Names of what the brain learned and counted in the state store. */
export const stateNames = { baselines: "baselines", counters: "counters" } as const

/** How often it is looked whether functions became ready: a crash soon after must not send them back to learning. */
const readyCheck = "1 second"
/** Share of the time that such saves may take: with many functions one stops the process for milliseconds. */
const saveShare = 0.01

/** What was learned: only good under the feature key whose hashes it is made of. */
const baselines = (profiler: BaselineProfiler["Service"], mark: () => number): StateKeeper.Snapshot => ({
  name: stateNames.baselines,
  what: "stored baselines",
  without: "every function learns again",
  snapshot: Effect.map(profiler.snapshot, (learned) => Learned.encode(mark(), learned)),
  restore: (bytes) =>
    Effect.gen(function*() {
      const stored = Learned.decode(bytes)
      if (stored === undefined) return "unknown or damaged format"
      if (stored.mark !== mark()) return "learned under a feature key that has been replaced"
      return (yield* profiler.restore(stored.learned)) ? undefined : "unknown or damaged format"
    })
})

/** What was counted: totals go on where the last run left off. */
const counters = (metrics: PicMetrics["Service"]): StateKeeper.Snapshot => ({
  name: stateNames.counters,
  what: "stored counters",
  without: "counting begins at zero",
  snapshot: Effect.map(metrics.getStats, (stats) => SavedCounters.encode(stats.counters)),
  restore: (bytes) =>
    Effect.gen(function*() {
      const totals = SavedCounters.decode(bytes)
      if (Result.isFailure(totals)) return "unknown or damaged format"
      yield* metrics.restore(totals.success)
      return undefined
    })
})

/**
 * Keeps what the brain learned and counted over restarts. When the feature key is replaced, by this process or in the
 * keyset file by another, everything learned holds hashes that no value has any more: learning begins anew, on record.
 */
export const make: Effect.Effect<
  void,
  never,
  BaselineProfiler | PicMetrics | StateStore | KeyManager | AuditLogger | Alerts | PicHealth | Scope.Scope
> = Effect.gen(function*() {
  const profiler = yield* BaselineProfiler
  const metrics = yield* PicMetrics
  const keys = yield* KeyManager
  const audit = yield* AuditLogger
  const alerts = yield* Alerts
  let known = Learned.markOf(keys.featureKeyUnsafe())

  const kept = yield* StateKeeper.make([baselines(profiler, () => known), counters(metrics)])
  const follow = Effect.suspend(() => {
    const mark = Learned.markOf(keys.featureKeyUnsafe())
    if (mark === known) return Effect.void
    known = mark
    return Effect.gen(function*() {
      const functions = (yield* profiler.profiles).length
      yield* profiler.reset
      audit.recordUnsafe("key", { event: "relearning", detail: "the feature key was replaced", functions })
      alerts.raiseUnsafe("degraded", `the feature key was replaced: all ${functions} functions learn again, unjudged`)
      yield* Effect.ignore(kept.save)
    })
  })
  let readyWhenSaved = profiler.readyUnsafe()
  const saveReady = Effect.gen(function*() {
    const ready = profiler.readyUnsafe()
    if (ready === readyWhenSaved) return
    const [spent] = yield* Effect.timed(Effect.ignore(kept.save))
    readyWhenSaved = ready
    yield* Effect.sleep(Duration.times(spent, 1 / saveShare))
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(readyCheck), saveReady)))
  yield* Effect.forkScoped(Stream.runForEach(keys.events, () => follow), { startImmediately: true })
})
