import * as Context from "effect/Context"
import type { Decision } from "../domain/Decision.ts"
import type { FailureClass } from "../domain/FailureClass.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"
import type { CallPolicy } from "./BrainConnector.ts"

/** The one table: failure class x fail mode -> decision, with the reason recorded. */
export class FailPolicy extends Context.Service<FailPolicy, {
  /** Never throws. Calls that are not enforced always run. */
  readonly decideUnsafe: (failure: FailureClass, event: TelemetryEvent, policy: CallPolicy) => Decision
  /** Tells the last verdict of the brain on a function, used once the budget for failing open is spent. */
  readonly rememberUnsafe: (event: TelemetryEvent, decision: Decision) => void
}>()("effect-pic/services/FailPolicy") {}
