import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Decision } from "../../domain/Decision.ts"
import { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { type TraceEntry, TraceStore, TraceStoreError } from "../../services/TraceStore.ts"
import * as StorageThread from "./StorageThread.ts"
import type { ThreadFailure } from "./StoreThread.ts"

/** Entries that the ring in memory holds where no file does: about 2 MB of recent calls. */
export const ringEntriesMax = 1_024

/** Entries written to disk at a time. At full load that is a sample of the calls; blocks come first. */
export const batchEntriesMax = 256

/** How often a batch is written: a crash loses at most this much of the trace, which is no evidence. */
export const batchInterval = "1 second"

const isNotable = ({ decision }: TraceEntry): boolean => decision.action === "block" || decision.wouldBlock

/** The last entries, oldest overwritten first. */
class Ring {
  readonly #entries: Array<TraceEntry> = []
  #next = 0

  add(entry: TraceEntry): void {
    if (this.#entries.length < ringEntriesMax) this.#entries.push(entry)
    else this.#entries[this.#next] = entry
    this.#next = (this.#next + 1) % ringEntriesMax
  }

  /** Oldest first. */
  recent(limit: number): ReadonlyArray<TraceEntry> {
    const ordered = this.#entries.length < ringEntriesMax
      ? this.#entries
      : [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)]
    return limit <= 0 ? [] : ordered.slice(-limit)
  }

  find(decisionId: string): TraceEntry | undefined {
    return this.#entries.find(({ decision }) => decision.id === decisionId)
  }
}

/** Layer that keeps the last `ringEntriesMax` entries. */
export const layerMemory: Layer.Layer<TraceStore> = Layer.sync(TraceStore, () => {
  const ring = new Ring()
  return TraceStore.of({
    appendUnsafe: (entry) => ring.add(entry),
    recent: (limit) => Effect.sync(() => ring.recent(limit)),
    findDecision: (id) => Effect.sync(() => ring.find(id))
  })
})

const toError = ({ detail }: ThreadFailure) => new TraceStoreError({ detail })
const decodeEntry = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ event: TelemetryEvent, decision: Decision }))
)

/**
 * A copy to keep for a while. V8 allocates what is made at one place in the code in its old generation once much of it
 * lives long: kept themselves, a few events would make every later one, decoded at the same place, garbage of the dear kind.
 */
const copyOf = ({ decision, event }: TraceEntry): TraceEntry => ({
  event: {
    ...event,
    features: {
      ...event.features,
      arguments: event.features.arguments.map((argument) => ({ ...argument, grams: [...argument.grams] }))
    }
  },
  decision: { ...decision }
})

/** What waits to be written: all notable entries as far as they fit, then the newest others. */
class Pending {
  #notable: Array<TraceEntry> = []
  #others: Array<TraceEntry> = []
  /** Entries that were never written because a batch was full. */
  skipped = 0

  add(entry: TraceEntry): void {
    const list = isNotable(entry) ? this.#notable : this.#others
    if (list.length < batchEntriesMax) list.push(copyOf(entry))
    else this.skipped++
  }

  find(decisionId: string): TraceEntry | undefined {
    const found = ({ decision }: TraceEntry) => decision.id === decisionId
    return this.#notable.find(found) ?? this.#others.find(found)
  }

  take(): ReadonlyArray<TraceEntry> {
    const room = Math.max(0, batchEntriesMax - this.#notable.length)
    const batch = [...this.#notable, ...this.#others.slice(0, room)]
    this.skipped += Math.max(0, this.#others.length - room)
    this.#notable = []
    this.#others = []
    return batch.toSorted((a, b) => a.event.timestamp - b.event.timestamp)
  }
}

const make = Effect.gen(function*() {
  const files = StorageThread.forState(yield* StorageThread.StorageThread)
  const pending = new Pending()

  const write = Effect.suspend(() => {
    const rows = pending.take().map((entry) => ({ decisionId: entry.decision.id, json: JSON.stringify(entry) }))
    if (rows.length === 0) return Effect.void
    return Effect.mapError(files.request({ op: "appendTrace", rows }), toError)
  })
  // A trace that cannot be written is lost, counted and nothing else: it is no evidence.
  const writeQuietly = Effect.ignore(write)
  yield* Effect.addFinalizer(() => Effect.timeoutOption(writeQuietly, "2 seconds"))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(batchInterval), writeQuietly)))

  const decode = (json: unknown) =>
    Effect.mapError(decodeEntry(json), (error) => new TraceStoreError({ detail: error.message }))

  return TraceStore.of({
    appendUnsafe: (entry) => pending.add(entry),
    recent: (limit) =>
      Effect.gen(function*() {
        yield* write
        const lines = yield* Effect.mapError(files.request({ op: "recentTrace", limit: Math.max(0, limit) }), toError)
        return yield* Effect.forEach(Array.isArray(lines) ? lines : [], decode)
      }),
    findDecision: (decisionId) =>
      Effect.suspend((): Effect.Effect<TraceEntry | undefined, TraceStoreError> => {
        const recent = pending.find(decisionId)
        if (recent !== undefined) return Effect.succeed(recent)
        return Effect.flatMap(
          Effect.mapError(files.request({ op: "findTrace", decisionId }), toError),
          (json) => json === undefined ? Effect.succeed(undefined) : decode(json)
        )
      })
  })
})

/** Layer that also keeps the last entries in `trace.db`, written in the background. */
export const layerSqlite: Layer.Layer<TraceStore, never, PicConfig> = Layer.effect(TraceStore, make).pipe(
  Layer.provide(StorageThread.layer)
)

/** Layer that `storage.directory` asks for: memory, or a file. */
export const layerAuto: Layer.Layer<TraceStore, never, PicConfig> = Layer.unwrap(
  Effect.map(
    PicConfig,
    (config): Layer.Layer<TraceStore, never, PicConfig> =>
      config.settingsUnsafe().storage.directory === "memory" ? layerMemory : layerSqlite
  )
)
