import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Alerts } from "../../services/Alerts.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { StateStore, type StateStoreError } from "../../services/StateStore.ts"

/** How often state is saved while running: at most this much of it is lost by a crash. */
export const saveInterval = "30 seconds"
/** How long a stop waits until everything is saved. */
export const saveDeadline = "5 seconds"
/** Largest value that is remembered to see that it has not changed, in bytes; larger ones are simply saved again. */
const comparedBytesMax = 64 * 1024

/** Something that survives a restart under a name in the state store. */
export interface Snapshot {
  readonly name: string
  /** What it is, and what happens without it, as an operator reads it: "stored baselines", "every function learns again". */
  readonly what: string
  readonly without: string
  readonly snapshot: Effect.Effect<Uint8Array>
  /** Takes stored bytes back; the answer is what is wrong with them, or `undefined`. */
  readonly restore: (bytes: Uint8Array) => Effect.Effect<string | undefined>
}

/** What is kept in the current scope. */
export interface Kept {
  /** Saves what has changed now; a failure is also a condition of health until a later save succeeds. */
  readonly save: Effect.Effect<void, StateStoreError>
}

/** Restores what was saved before, and saves it regularly and at the end. State that is refused is not used, visibly. */
export const make = Effect.fnUntraced(function*(
  snapshots: ReadonlyArray<Snapshot>
): Effect.fn.Return<Kept, never, StateStore | Alerts | PicHealth | Scope.Scope> {
  const store = yield* StateStore
  const alerts = yield* Alerts
  const health = yield* PicHealth
  const saved = new Map<string, Uint8Array>()

  const refuse = ({ name, what, without }: Snapshot, detail: string): void => {
    alerts.raiseUnsafe("state_refused", `${what} refused (${detail}); ${without}`)
    health.reportUnsafe(name, "degraded", `${what} refused: ${detail}; ${without}`)
  }
  const load = (one: Snapshot) =>
    Effect.gen(function*() {
      const entry = yield* store.load(one.name)
      if (entry._tag === "Absent") return
      const wrong = entry._tag === "Refused" ? entry.detail : yield* one.restore(entry.bytes)
      if (wrong !== undefined) refuse(one, wrong)
    }).pipe(Effect.catch((error) => Effect.sync(() => refuse(one, error.message))))

  const isSaved = (name: string, bytes: Uint8Array): boolean => {
    const before = saved.get(name)
    return before !== undefined && Buffer.compare(before, bytes) === 0
  }
  const saveOne = ({ name, snapshot, what }: Snapshot) =>
    Effect.gen(function*() {
      const bytes = yield* snapshot
      if (isSaved(name, bytes)) return
      yield* store.save(name, bytes)
      if (bytes.length <= comparedBytesMax) saved.set(name, bytes)
      else saved.delete(name)
      health.clearUnsafe(`saving ${name}`)
    }).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => health.reportUnsafe(`saving ${name}`, "degraded", `${what} not saved: ${error.message}`))
      )
    )
  // Each on its own: one that cannot be saved must not keep the others from it.
  const saveAll = Effect.forEach(snapshots, (one) => Effect.ignore(saveOne(one)), { discard: true })

  for (const one of snapshots) yield* load(one)
  yield* Effect.addFinalizer(() => Effect.exit(Effect.timeout(saveAll, saveDeadline)))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(saveInterval), saveAll)))
  return { save: Effect.forEach(snapshots, saveOne, { discard: true }) }
})
