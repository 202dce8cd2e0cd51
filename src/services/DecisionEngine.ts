import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Assessment } from "../domain/Assessment.ts"
import type { Decision } from "../domain/Decision.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"

/** Turns an assessment into a decision: training and observe allow, enforcement blocks below the false-positive budget. */
export class DecisionEngine extends Context.Service<DecisionEngine, {
  /** `enforced` false: the call runs whatever the verdict, which is recorded as `wouldBlock`. */
  readonly decideUnsafe: (event: TelemetryEvent, assessment: Assessment, enforced: boolean) => Decision
  readonly decide: (event: TelemetryEvent, assessment: Assessment, enforced: boolean) => Effect.Effect<Decision>
  /** The decision on a processed event id (a retry), or a cached one on an identical event; else `undefined`. */
  readonly recallUnsafe: (event: TelemetryEvent) => Decision | undefined
  /** Whether the event's subject is inside the enforced percentage now. */
  readonly isEnforcedUnsafe: (event: TelemetryEvent) => boolean
}>()("effect-pic/services/DecisionEngine") {}
