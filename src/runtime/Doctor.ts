import * as Effect from "effect/Effect"
import { type DoctorReport, type Hop, report } from "../domain/operate/DoctorReport.ts"
import type { Alerts } from "../services/Alerts.ts"
import type { AnomalyDetector } from "../services/AnomalyDetector.ts"
import type { AuditLogger } from "../services/AuditLogger.ts"
import type { AuditStore } from "../services/AuditStore.ts"
import type { BackpressureController } from "../services/BackpressureController.ts"
import type { BaselineProfiler } from "../services/BaselineProfiler.ts"
import type { BrainConnector } from "../services/BrainConnector.ts"
import type { BrainCore } from "../services/BrainCore.ts"
import type { BrainLink } from "../services/BrainLink.ts"
import type { CellAgent } from "../services/CellAgent.ts"
import type { CryptoCore } from "../services/CryptoCore.ts"
import type { DecisionEngine } from "../services/DecisionEngine.ts"
import type { ErrorRecovery } from "../services/ErrorRecovery.ts"
import type { EventQueue } from "../services/EventQueue.ts"
import type { Exceptions } from "../services/Exceptions.ts"
import type { FailPolicy } from "../services/FailPolicy.ts"
import type { KeyManager } from "../services/KeyManager.ts"
import type { Monitor } from "../services/Monitor.ts"
import type { PicClock } from "../services/PicClock.ts"
import type { PicConfig } from "../services/PicConfig.ts"
import { PicHealth } from "../services/PicHealth.ts"
import type { PicMetrics } from "../services/PicMetrics.ts"
import type { RateLimiter } from "../services/RateLimiter.ts"
import type { SamplingController } from "../services/SamplingController.ts"
import type { SecureTransport } from "../services/SecureTransport.ts"
import type { StateStore } from "../services/StateStore.ts"
import type { TelemetryGenerator } from "../services/TelemetryGenerator.ts"
import type { TraceStore } from "../services/TraceStore.ts"
import * as AgentSide from "./doctor/AgentSide.ts"
import * as Evidence from "./doctor/Evidence.ts"
import * as Foundation from "./doctor/Foundation.ts"
import * as Path from "./doctor/Path.ts"
import { type Probe, runProbe } from "./doctor/Probe.ts"

/** Everything that the doctor proves. */
export type Services =
  | PicConfig
  | PicClock
  | CryptoCore
  | KeyManager
  | StateStore
  | TelemetryGenerator
  | RateLimiter
  | SamplingController
  | FailPolicy
  | ErrorRecovery
  | Exceptions
  | DecisionEngine
  | BrainLink
  | SecureTransport
  | EventQueue
  | BackpressureController
  | BrainCore
  | BrainConnector
  | CellAgent
  | Monitor
  | TraceStore
  | BaselineProfiler
  | PicMetrics
  | AuditLogger
  | AuditStore
  | AnomalyDetector
  | Alerts
  | PicHealth

/**
 * Sends canaries through every hop and reports what each hop proved, in the order of the path.
 *
 * `thorough` also floods the limiter, teaches a baseline and disturbs health and sampling: only for an instance that is
 * thrown away. Otherwise nothing but the reserved function `pic.doctor` is touched; one forged and one replayed canary
 * are refused on the way, counted as violations, and announced in the audit log.
 */
export const run = (options: { readonly thorough: boolean }): Effect.Effect<DoctorReport, never, Services> =>
  Effect.gen(function*() {
    const hops: Array<Hop> = []
    const probes: ReadonlyArray<Probe<Services>> = [
      ...Foundation.probes,
      ...AgentSide.probes,
      ...Path.probes,
      ...Evidence.probes(options.thorough),
      ...(options.thorough ? AgentSide.disturbing : [])
    ]
    for (const probe of probes) hops.push(yield* runProbe(probe))
    const health = yield* Effect.flatMap(PicHealth, (service) => service.status).pipe(
      Effect.catchCause(() => Effect.succeed({ state: "not_protecting" as const, line: "health is unknown" }))
    )
    return report(hops, health.state !== "not_protecting", health.line)
  })
