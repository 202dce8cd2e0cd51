import * as Context from "effect/Context"
import type { Decision } from "../domain/Decision.ts"
import type { FailureClass } from "../domain/FailureClass.ts"
import type { TelemetryEvent } from "../domain/TelemetryEvent.ts"
import type { CallPolicy } from "./BrainConnector.ts"
import type { SecurityViolation } from "./SecureTransport.ts"

/** The recovery strategies of the specification, one handler per category of error; none of them ever throws. */
export class ErrorRecovery extends Context.Service<ErrorRecovery, {
  /** Communication failed for good (retries are the connector's): the fail policy decides. */
  readonly handleCommunicationErrorUnsafe: (
    failure: FailureClass,
    event: TelemetryEvent,
    policy: CallPolicy
  ) => Decision
  /** A message was refused: counted, alerted and written to the evidence, at a bounded rate. */
  readonly handleSecurityErrorUnsafe: (violation: SecurityViolation) => void
  /** The queue is full, latency or memory is high: throttle and sample less, visibly. */
  readonly handlePerformanceDegradationUnsafe: (reason: string) => void
  /** An event could not be read or our own code failed: logged, counted, skipped. */
  readonly handleLogicErrorUnsafe: (where: string, cause: unknown) => void
}>()("effect-pic/services/ErrorRecovery") {}
