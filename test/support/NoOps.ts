import { Effect, Layer, Redacted, Result, Stream } from "effect"
import * as Accounting from "../../src/domain/flow/Accounting.ts"
import { unjudged } from "../../src/domain/Assessment.ts"
import { clear } from "../../src/domain/BackpressureSignal.ts"
import * as CallFeatures from "../../src/domain/CallFeatures.ts"
import type { Decision } from "../../src/domain/Decision.ts"
import type { FunctionModel } from "../../src/domain/detect/FunctionModel.ts"
import { MacKey } from "../../src/domain/keys/MacKey.ts"
import { defaults } from "../../src/domain/settings/Settings.ts"
import type { TelemetryEvent } from "../../src/domain/TelemetryEvent.ts"
import { Alerts } from "../../src/services/Alerts.ts"
import { AnomalyDetector } from "../../src/services/AnomalyDetector.ts"
import { AuditLogger, AuditLoggerError, AuditUnavailable } from "../../src/services/AuditLogger.ts"
import { AuditStore } from "../../src/services/AuditStore.ts"
import { BackpressureController } from "../../src/services/BackpressureController.ts"
import { BaselineProfiler } from "../../src/services/BaselineProfiler.ts"
import { BrainConnector } from "../../src/services/BrainConnector.ts"
import { BrainCore } from "../../src/services/BrainCore.ts"
import { BrainLink } from "../../src/services/BrainLink.ts"
import { CellAgent, type Judged } from "../../src/services/CellAgent.ts"
import { CryptoCore } from "../../src/services/CryptoCore.ts"
import { DecisionEngine } from "../../src/services/DecisionEngine.ts"
import { ErrorRecovery } from "../../src/services/ErrorRecovery.ts"
import { EventQueue } from "../../src/services/EventQueue.ts"
import { Exceptions } from "../../src/services/Exceptions.ts"
import { FailPolicy } from "../../src/services/FailPolicy.ts"
import { KeyManager } from "../../src/services/KeyManager.ts"
import { Monitor } from "../../src/services/Monitor.ts"
import { PicClock } from "../../src/services/PicClock.ts"
import { PicConfig } from "../../src/services/PicConfig.ts"
import { PicHealth } from "../../src/services/PicHealth.ts"
import { PicMetrics } from "../../src/services/PicMetrics.ts"
import { RateLimiter } from "../../src/services/RateLimiter.ts"
import { ReplayGuard } from "../../src/services/ReplayGuard.ts"
import { SamplingController } from "../../src/services/SamplingController.ts"
import { SecureTransport } from "../../src/services/SecureTransport.ts"
import { SecurityValidator } from "../../src/services/SecurityValidator.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { TelemetryGenerator } from "../../src/services/TelemetryGenerator.ts"
import { TraceStore } from "../../src/services/TraceStore.ts"

/**
 * For every service of the design a layer that has its type and does nothing: it lets everything through, keeps
 * nothing, and answers as if all were well. What a careless replacement would be.
 */

const bytes = new Uint8Array(32)
const key = new MacKey("k", "none", undefined)
const secret = Redacted.make(bytes)
const allow = (event?: Pick<TelemetryEvent, "id">): Decision => ({
  id: "d",
  eventId: event?.id ?? "",
  action: "allow",
  source: "brain",
  reason: "normal",
  confidence: 1,
  pValue: 1,
  findings: [],
  wouldBlock: false
})
const judged: Judged = { decision: allow(), startedAt: 0, eventId: "" }
const ignore = (): void => {}
const nothing = Effect.void
const keyset = { generation: 1, path: "", keys: [], checkpointPublicKey: "" }
const record = {
  seq: 1,
  time: 0,
  kind: "start",
  body: bytes,
  prevHash: bytes,
  hash: bytes,
  keyId: "k",
  mac: bytes
} as const
const request = { frame: new Uint8Array(1), nonce: new Uint8Array(16), eventId: "" }
const accounting = new Accounting.Ledger().snapshot()
const exception = {
  id: "x",
  fn: "",
  patterns: [],
  decisionId: "",
  reason: "none",
  owner: "nobody",
  createdAt: 0,
  until: 0,
  hits: 0,
  lastHitAt: 0
}
const stats = {
  eventRate: 0,
  decisionLatencyMs: { p50: 0, p95: 0, p99: 0, count: 0 },
  queueUtilization: 0,
  throttlingEvents: 0,
  securityViolations: 0,
  errorRate: 0,
  backpressureActivations: 0,
  counters: {} as never
}

/** No-op layers of what the embedded system stands on. */
export const foundation = {
  PicConfig: Layer.succeed(PicConfig, {
    settingsUnsafe: () => defaults,
    settings: Effect.succeed(defaults),
    origins: Effect.succeed(new Map()),
    change: () => Effect.succeed(defaults),
    changes: Stream.empty
  }),
  PicClock: Layer.succeed(PicClock, { nowUnsafe: () => 0 }),
  CryptoCore: Layer.succeed(CryptoCore, {
    deriveKeyUnsafe: () => key,
    deriveBytesUnsafe: () => secret,
    macUnsafe: () => bytes,
    verifyMacUnsafe: () => true,
    sha256Unsafe: () => bytes,
    randomBytesUnsafe: (length) => new Uint8Array(length),
    generateSigningKeyUnsafe: () => ({ seed: secret, publicKey: bytes }),
    signUnsafe: () => new Uint8Array(64),
    verifySignatureUnsafe: () => true
  }),
  // One constant key for everything and everyone: it signs, and separates nothing.
  KeyManager: Layer.effect(
    KeyManager,
    Effect.map(CryptoCore, (crypto) => {
      const only = crypto.deriveKeyUnsafe(secret, { id: "k", purpose: "any", info: "" })
      return KeyManager.of({
        getActiveKeyUnsafe: () => only,
        verifyKeyUnsafe: () => only,
        featureKeyUnsafe: () => [0, 0],
        signCheckpointUnsafe: () => new Uint8Array(64),
        checkpointPublicKeyUnsafe: () => bytes,
        auditSecretUnsafe: () => ({ id: "k", key: secret, checkpointSeed: secret }),
        auditKeyUnsafe: () => only,
        rotateKeys: Effect.succeed(keyset),
        revokeKey: () => Effect.succeed(keyset),
        list: Effect.succeed(keyset),
        events: Stream.empty
      })
    })
  ),
  AuditStore: Layer.succeed(AuditStore, {
    append: () => Effect.succeed([]),
    read: () => Effect.succeed([]),
    lastSeq: Effect.succeed(0),
    head: Effect.succeed(undefined),
    heads: Effect.succeed([]),
    anchor: Effect.undefined,
    retire: () => nothing
  }),
  StateStore: Layer.succeed(StateStore, {
    save: () => nothing,
    load: () => Effect.succeed({ _tag: "Absent" })
  }),
  TraceStore: Layer.succeed(TraceStore, {
    appendUnsafe: ignore,
    recent: () => Effect.succeed([]),
    findDecision: () => Effect.succeed(undefined)
  }),
  Alerts: Layer.succeed(Alerts, { raiseUnsafe: ignore, stream: Stream.empty }),
  PicHealth: Layer.succeed(PicHealth, {
    reportUnsafe: ignore,
    clearUnsafe: ignore,
    status: Effect.succeed({ state: "enforcing" as const, reasons: [], line: "ENFORCING" }),
    changes: Stream.empty
  }),
  PicMetrics: Layer.succeed(PicMetrics, {
    incrementUnsafe: ignore,
    decisionLatencyUnsafe: ignore,
    queueUtilizationUnsafe: ignore,
    getStats: Effect.succeed(stats),
    restore: () => nothing,
    prometheus: Effect.succeed("")
  })
}

/** No-op layers of the parts of agent and brain. */
export const parts = {
  AuditLogger: Layer.succeed(AuditLogger, {
    record: () => Effect.succeed(record),
    recordUnsafe: ignore,
    noteAllowUnsafe: ignore,
    noteLossUnsafe: ignore,
    flush: nothing,
    verify: Effect.succeed({ ok: true, records: 1, headSeq: 1, detail: "" }),
    query: () => Effect.succeed({ records: [], scanned: 0, total: 0 }),
    prove: () => Effect.fail(new AuditLoggerError({ reason: new AuditUnavailable({ detail: "there is no log" }) })),
    tail: Stream.empty
  }),
  TelemetryGenerator: Layer.succeed(TelemetryGenerator, {
    describeUnsafe: () => CallFeatures.none,
    describe: () => Effect.succeed(CallFeatures.none),
    hashUnsafe: () => 0
  }),
  RateLimiter: Layer.succeed(RateLimiter, {
    checkRateUnsafe: () => true,
    checkRate: () => Effect.succeed(true),
    shouldThrottleUnsafe: () => false,
    shouldThrottle: Effect.succeed(false),
    getAdjustedSamplingRateUnsafe: (base) => base,
    enterThrottlingModeUnsafe: ignore,
    status: Effect.succeed({ globalRate: 0, throttledFunctions: [], droppedEvents: 0, throttlingActive: false })
  }),
  SamplingController: Layer.succeed(SamplingController, {
    rateUnsafe: () => 1,
    sampleUnsafe: () => true,
    applySignalUnsafe: ignore,
    observeLatencyUnsafe: ignore,
    reduceUnsafe: ignore,
    status: Effect.succeed({ rate: 1, reasons: [] })
  }),
  FailPolicy: Layer.succeed(FailPolicy, { decideUnsafe: (_failure, event) => allow(event), rememberUnsafe: ignore }),
  ErrorRecovery: Layer.succeed(ErrorRecovery, {
    handleCommunicationErrorUnsafe: (_failure, event) => allow(event),
    handleSecurityErrorUnsafe: ignore,
    handlePerformanceDegradationUnsafe: ignore,
    handleLogicErrorUnsafe: ignore
  }),
  ReplayGuard: Layer.succeed(ReplayGuard, {
    acceptUnsafe: () => "accepted",
    accept: () => Effect.succeed("accepted"),
    isReplayAttack: () => Effect.succeed(false),
    cleanupOldNonces: Effect.succeed(0),
    status: Effect.succeed({ senders: 0, epochs: 0, bytes: 0 })
  }),
  SecurityValidator: Layer.effect(
    SecurityValidator,
    // Takes every message for genuine: it decodes nothing and vouches for an event of its own making.
    Effect.succeed(SecurityValidator.of({
      verifyEventUnsafe: () =>
        Result.succeed({ purpose: "outcomes", reports: [], agentId: "a", nonce: new Uint8Array(16), timestamp: 0 }),
      verifyEvent: () =>
        Effect.succeed({ purpose: "outcomes", reports: [], agentId: "a", nonce: new Uint8Array(16), timestamp: 0 }),
      signDecisionUnsafe: () => new Uint8Array(1),
      signDecisionsUnsafe: () => new Uint8Array(1),
      signAckUnsafe: () => new Uint8Array(1),
      isReplayAttack: () => Effect.succeed(false),
      cleanupOldNonces: Effect.succeed(0)
    }))
  ),
  EventQueue: Layer.succeed(EventQueue, {
    enqueueUnsafe: () => true,
    enqueue: () => Effect.succeed(true),
    dequeueUnsafe: () => undefined,
    dequeue: Effect.never,
    shouldApplyBackpressureUnsafe: () => false,
    utilizationUnsafe: () => 0,
    status: Effect.succeed({ size: 0, bytes: 0, utilization: 0, dropped: 0 })
  }),
  BackpressureController: Layer.succeed(BackpressureController, {
    checkAndSignalUnsafe: () => clear,
    checkAndSignal: Effect.succeed(clear),
    getRecommendedRate: Effect.succeed(1),
    activations: Effect.succeed(0)
  }),
  BaselineProfiler: Layer.succeed(BaselineProfiler, {
    modelUnsafe: () => ({ assess: () => unjudged("learning") }) as unknown as FunctionModel,
    learnUnsafe: () => true,
    learnOutcomeUnsafe: () => undefined,
    finishLearning: nothing,
    profile: () => Effect.succeed(undefined),
    profiles: Effect.succeed([]),
    snapshot: Effect.succeed(new Uint8Array()),
    restore: () => Effect.succeed(true),
    readyUnsafe: () => 0,
    forget: () => Effect.succeed(true),
    reset: nothing
  }),
  Exceptions: Layer.succeed(Exceptions, {
    coverUnsafe: () => undefined,
    allow: ({ decisionId, owner, reason }) => Effect.succeed({ ...exception, decisionId, owner, reason }),
    revoke: () => Effect.succeed(exception),
    list: Effect.succeed([])
  }),
  AnomalyDetector: Layer.succeed(AnomalyDetector, {
    scoreUnsafe: () => unjudged("ready"),
    score: () => Effect.succeed(unjudged("ready"))
  }),
  DecisionEngine: Layer.succeed(DecisionEngine, {
    decideUnsafe: (event) => allow(event),
    decide: (event) => Effect.succeed(allow(event)),
    recallUnsafe: () => undefined,
    isEnforcedUnsafe: () => true
  }),
  BrainCore: Layer.succeed(BrainCore, {
    receiveUnsafe: () => new Uint8Array(1),
    judgeUnsafe: allow,
    judgeNowUnsafe: allow,
    isAvailable: Effect.succeed(true),
    start: nothing,
    stop: nothing,
    status: Effect.succeed({
      running: true,
      workers: 1,
      eventsReceived: 0,
      eventsAnalysed: 0,
      outcomesLearned: 0,
      eventsRejected: 0,
      blocked: 0,
      wouldBlock: 0
    })
  }),
  BrainLink: Layer.succeed(BrainLink, {
    kind: "none",
    sendUnsafe: () => new Uint8Array(1),
    send: () => Effect.succeed(new Uint8Array(1)),
    isAvailable: Effect.succeed(true),
    local: undefined
  }),
  SecureTransport: Layer.succeed(SecureTransport, {
    signEventUnsafe: (event) => ({ ...request, eventId: event.id }),
    signEvent: (event) => Effect.succeed({ ...request, eventId: event.id }),
    signEventsUnsafe: () => request,
    signOutcomesUnsafe: () => request,
    verifyDecisionUnsafe: ({ eventId }) => Result.succeed({ decision: allow({ id: eventId }), backpressure: clear }),
    verifyDecision: ({ eventId }) => Effect.succeed({ decision: allow({ id: eventId }), backpressure: clear }),
    verifyDecisionsUnsafe: () => Result.succeed({ decisions: [], backpressure: clear }),
    verifyAckUnsafe: () => Result.succeed(clear)
  }),
  BrainConnector: Layer.succeed(BrainConnector, {
    sendEventUnsafe: allow,
    sendEvent: (event) => Effect.succeed(allow(event)),
    sendEvents: (events) => Effect.succeed(events.map(allow)),
    sendOutcomes: () => Effect.succeed(true),
    isAvailable: Effect.succeed(true),
    handleFailure: (_failure, event) => Effect.succeed(allow(event)),
    status: Effect.succeed({
      available: true,
      breaker: "closed" as const,
      bufferedEvents: 0,
      bufferedBytes: 0,
      droppedEvents: 0,
      retries: 0,
      failures: {} as never
    })
  }),
  CellAgent: Layer.succeed(CellAgent, {
    enabledUnsafe: () => true,
    judgeUnsafe: () => judged,
    judgeNowUnsafe: () => judged,
    reportUnsafe: ignore,
    flush: nothing,
    accounting: Effect.succeed(accounting),
    decisions: Stream.empty
  }),
  Monitor: Layer.succeed(Monitor, {
    enabledUnsafe: () => true,
    judgeUnsafe: () => judged,
    judgeNowUnsafe: () => judged,
    reportUnsafe: ignore,
    decisions: Stream.empty
  })
}
