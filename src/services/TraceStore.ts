import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Decision } from "../domain/Decision.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** The trace could not be read. */
export class TraceStoreError
  extends Schema.TaggedError<TraceStoreError>()("TraceStoreError", { detail: Schema.String })
{}

/** A recent event and the decision on it. */
export interface TraceEntry {
  readonly event: TelemetryEvent
  readonly decision: Decision
}

/** A ring of recent events with their decisions, for `pic replay` and for looking a decision up by id. */
export class TraceStore extends Context.Service<TraceStore, {
  /** Keeps an entry, overwriting the oldest; never waits and never fails: what cannot be kept is counted. */
  readonly appendUnsafe: (entry: TraceEntry) => void
  readonly recent: (limit: number) => Effect.Effect<ReadonlyArray<TraceEntry>, TraceStoreError>
  readonly findDecision: (decisionId: string) => Effect.Effect<TraceEntry | undefined, TraceStoreError>
}>()("effect-pic/services/TraceStore") {}
