import * as Layer from "effect/Layer"
import type { Alerts } from "../services/Alerts.ts"
import type { PicHealth } from "../services/PicHealth.ts"
import type { PicMetrics } from "../services/PicMetrics.ts"
import type { AuditStore } from "../services/AuditStore.ts"
import type { CryptoCore } from "../services/CryptoCore.ts"
import type { KeyManager } from "../services/KeyManager.ts"
import type { PicClock } from "../services/PicClock.ts"
import type { PicConfig } from "../services/PicConfig.ts"
import type { StateStore } from "../services/StateStore.ts"
import type { TraceStore } from "../services/TraceStore.ts"
import * as BrainConnector from "./agent/BrainConnector.ts"
import * as CellAgent from "./agent/CellAgent.ts"
import * as ErrorRecovery from "./agent/ErrorRecovery.ts"
import * as FailPolicy from "./agent/FailPolicy.ts"
import * as Monitor from "./agent/Monitor.ts"
import * as RateLimiter from "./agent/RateLimiter.ts"
import * as SamplingController from "./agent/SamplingController.ts"
import * as SecureTransport from "./agent/SecureTransport.ts"
import * as TelemetryGenerator from "./agent/TelemetryGenerator.ts"
import * as AnomalyDetector from "./brain/AnomalyDetector.ts"
import * as AuditLogger from "./brain/AuditLogger.ts"
import * as BackpressureController from "./brain/BackpressureController.ts"
import * as BaselineProfiler from "./brain/BaselineProfiler.ts"
import * as BrainCore from "./brain/BrainCore.ts"
import * as DecisionEngine from "./brain/DecisionEngine.ts"
import * as Exceptions from "./brain/Exceptions.ts"
import * as EventQueue from "./brain/EventQueue.ts"
import * as ReplayGuard from "./brain/ReplayGuard.ts"
import * as SecurityValidator from "./brain/SecurityValidator.ts"
import * as Journal from "./brain/Journal.ts"
import * as Weakenings from "./brain/Weakenings.ts"
import * as InProcess from "./link/InProcess.ts"
import * as AlertsLayer from "./observability/Alerts.ts"
import * as PicHealthLayer from "./observability/PicHealth.ts"
import * as PicMetricsLayer from "./observability/PicMetrics.ts"

/** What an operator sees: metrics, alerts and health; a change of health for the worse is an alert as well. */
export const observability = AlertsLayer.layerHealthAlerts.pipe(
  Layer.provideMerge(Layer.mergeAll(
    Layer.provideMerge(AlertsLayer.layer, PicMetricsLayer.layer),
    PicHealthLayer.layer
  ))
)

/** The shipped layer of every component of agent and brain in one process. */
export const parts = {
  AuditLogger: AuditLogger.layer,
  TelemetryGenerator: TelemetryGenerator.layer,
  RateLimiter: RateLimiter.layer,
  SamplingController: SamplingController.layer,
  FailPolicy: FailPolicy.layer,
  ErrorRecovery: ErrorRecovery.layer,
  ReplayGuard: ReplayGuard.layerMemory,
  SecurityValidator: SecurityValidator.layer,
  EventQueue: EventQueue.layer,
  BackpressureController: BackpressureController.layer,
  BaselineProfiler: BaselineProfiler.layer,
  AnomalyDetector: AnomalyDetector.layer,
  Exceptions: Exceptions.layer,
  DecisionEngine: DecisionEngine.layer,
  BrainCore: BrainCore.layer,
  BrainLink: InProcess.layer,
  SecureTransport: SecureTransport.layer,
  BrainConnector: BrainConnector.layer,
  CellAgent: CellAgent.layer,
  Monitor: Monitor.layer
}

/** Layers that stand in for shipped ones, by the name of the service. */
export type Overrides = { readonly [K in keyof typeof parts]?: (typeof parts)[K] | undefined }

/** What the embedded system stands on: configuration, time, primitives, keys, stores, and what an operator sees. */
export type Foundation =
  | PicConfig
  | PicClock
  | CryptoCore
  | KeyManager
  | AuditStore
  | StateStore
  | TraceStore
  | Alerts
  | PicHealth
  | PicMetrics

/**
 * Layer with agent and brain in one process, over the given foundation. Each part may be replaced; the composition is
 * in the order of dependence, each line over all lines below it.
 */
export const layerWith = (overrides: Overrides) => {
  const p = { ...parts, ...overrides } as typeof parts
  // Running changes are restored last before the journal begins: its first record says what is in force.
  return Journal.layer.pipe(
    Layer.provideMerge(Weakenings.layer),
    Layer.provideMerge(p.Monitor),
    Layer.provideMerge(p.CellAgent),
    Layer.provideMerge(p.BrainConnector),
    Layer.provideMerge(Layer.mergeAll(p.BrainLink, p.SecureTransport)),
    Layer.provideMerge(p.BrainCore),
    Layer.provideMerge(Layer.mergeAll(p.SecurityValidator, p.BackpressureController, p.AnomalyDetector)),
    Layer.provideMerge(Layer.mergeAll(p.ReplayGuard, p.EventQueue, p.BaselineProfiler, p.DecisionEngine)),
    Layer.provideMerge(p.Exceptions),
    Layer.provideMerge(p.ErrorRecovery),
    Layer.provideMerge(p.SamplingController),
    Layer.provideMerge(Layer.mergeAll(p.TelemetryGenerator, p.RateLimiter, p.FailPolicy)),
    Layer.provideMerge(p.AuditLogger)
  )
}
