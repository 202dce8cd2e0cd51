import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Assessment } from "../domain/Assessment.ts"
import type { BaselineProfile } from "../domain/BaselineProfile.ts"
import type { FunctionModel } from "../domain/detect/FunctionModel.ts"
import type { OutcomeReport } from "../domain/Outcome.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** Learns what is normal, per function, streaming, in bounded memory, only from events that were allowed and not suspicious. */
export class BaselineProfiler extends Context.Service<BaselineProfiler, {
  /** The model of a function, made on first sight; the least recently used one goes when there are too many. */
  readonly modelUnsafe: (fn: string) => FunctionModel
  /** Learns an event that was allowed; ignores one that was suspicious, and says so by `false`. */
  readonly learnUnsafe: (event: TelemetryEvent, assessment: Assessment) => boolean
  /** Learns how a call went; suspicious durations and failures are reported, not learned. */
  readonly learnOutcomeUnsafe: (report: OutcomeReport) => Assessment | undefined
  /** Ends the learning phase at once for all functions, as `pic replay --learn` does. */
  readonly finishLearning: Effect.Effect<void>
  readonly profile: (fn: string) => Effect.Effect<BaselineProfile | undefined>
  readonly profiles: Effect.Effect<ReadonlyArray<BaselineProfile>>
  /** Everything learned, as bytes, and back; `restore` answers `false` for bytes it cannot read, changing nothing. */
  readonly snapshot: Effect.Effect<Uint8Array>
  readonly restore: (bytes: Uint8Array) => Effect.Effect<boolean>
  /** Functions that are judged now. */
  readonly readyUnsafe: () => number
  /** Forgets what was learned about one function, which begins anew; `false` where nothing was. */
  readonly forget: (fn: string) => Effect.Effect<boolean>
  /** Forgets everything learned: every function begins anew. */
  readonly reset: Effect.Effect<void>
}>()("effect-pic/services/BaselineProfiler") {}
