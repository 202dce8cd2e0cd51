import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Alerts } from "../../services/Alerts.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { StateStore } from "../../services/StateStore.ts"

/** Name of the baselines in the state store. */
export const stateName = "baselines"
/** How often baselines are saved while running: at most this much learning is lost by a crash. */
export const saveInterval = "30 seconds"

/** Restores what was learned before, saves it regularly and at the end; refused state means relearning, visibly. */
export const make: Effect.Effect<void, never, BaselineProfiler | StateStore | Alerts | PicHealth | Scope.Scope> = Effect
  .gen(function*() {
    const profiler = yield* BaselineProfiler
    const store = yield* StateStore
    const alerts = yield* Alerts
    const health = yield* PicHealth

    const relearn = (detail: string) => {
      alerts.raiseUnsafe("state_refused", `stored baselines were refused (${detail}); every function learns again`)
      health.reportUnsafe("baselines", "degraded", `stored baselines were refused: ${detail}; learning again`)
    }
    const load = Effect.gen(function*() {
      const entry = yield* store.load(stateName)
      switch (entry._tag) {
        case "Absent":
          return
        case "Refused":
          return relearn(entry.detail)
        case "Found":
          if (!(yield* profiler.restore(entry.bytes))) relearn("unknown or damaged format")
      }
    })
    const save = Effect.flatMap(profiler.snapshot, (bytes) => store.save(stateName, bytes)).pipe(
      Effect.tap(() => Effect.sync(() => health.clearUnsafe("state"))),
      Effect.catch((error) =>
        Effect.sync(() => health.reportUnsafe("state", "degraded", `baselines are not being saved: ${error.message}`))
      )
    )

    yield* Effect.catch(load, (error) => Effect.sync(() => relearn(error.message)))
    yield* Effect.addFinalizer(() => Effect.exit(Effect.timeout(save, "5 seconds")))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(saveInterval), save)))
  })
