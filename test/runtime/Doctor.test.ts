import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, References, Result, Stream } from "effect"
import { clear } from "../../src/domain/BackpressureSignal.ts"
import { unjudged } from "../../src/domain/Assessment.ts"
import { none } from "../../src/domain/CallFeatures.ts"
import type { Decision } from "../../src/domain/Decision.ts"
import * as PicClock from "../../src/layers/agent/PicClock.ts"
import * as Config from "../../src/layers/config/PicConfig.ts"
import * as CryptoLayer from "../../src/layers/crypto/CryptoCore.ts"
import * as KeyManagerLayer from "../../src/layers/crypto/KeyManager.ts"
import * as Embedded from "../../src/layers/Embedded.ts"
import * as AuditStoreLayer from "../../src/layers/store/AuditStore.ts"
import * as StateStoreLayer from "../../src/layers/store/StateStore.ts"
import * as TraceStoreLayer from "../../src/layers/store/TraceStore.ts"
import * as Doctor from "../../src/runtime/Doctor.ts"
import { AnomalyDetector } from "../../src/services/AnomalyDetector.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { AuditStore } from "../../src/services/AuditStore.ts"
import { BackpressureController } from "../../src/services/BackpressureController.ts"
import { BaselineProfiler } from "../../src/services/BaselineProfiler.ts"
import { BrainConnector } from "../../src/services/BrainConnector.ts"
import { BrainCore } from "../../src/services/BrainCore.ts"
import { BrainLink } from "../../src/services/BrainLink.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"
import { CryptoCore } from "../../src/services/CryptoCore.ts"
import { DecisionEngine } from "../../src/services/DecisionEngine.ts"
import { ErrorRecovery } from "../../src/services/ErrorRecovery.ts"
import { EventQueue } from "../../src/services/EventQueue.ts"
import { FailPolicy } from "../../src/services/FailPolicy.ts"
import { KeyManager } from "../../src/services/KeyManager.ts"
import { Monitor } from "../../src/services/Monitor.ts"
import { PicClock as PicClockService } from "../../src/services/PicClock.ts"
import { PicHealth } from "../../src/services/PicHealth.ts"
import { PicMetrics } from "../../src/services/PicMetrics.ts"
import { RateLimiter } from "../../src/services/RateLimiter.ts"
import { ReplayGuard } from "../../src/services/ReplayGuard.ts"
import { SamplingController } from "../../src/services/SamplingController.ts"
import { SecureTransport } from "../../src/services/SecureTransport.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { TelemetryGenerator } from "../../src/services/TelemetryGenerator.ts"
import { TraceStore } from "../../src/services/TraceStore.ts"

const foundation = Layer.mergeAll(AuditStoreLayer.layerMemory, StateStoreLayer.layerMemory, TraceStoreLayer.layerMemory)
  .pipe(
    Layer.provideMerge(KeyManagerLayer.layerMemory),
    Layer.provideMerge(Embedded.observability),
    Layer.provideMerge(Layer.mergeAll(
      Config.layerSettings({
        storage: { directory: "memory" },
        audit: { wait_ms: 5_000 },
        rollout: { mode: "enforce" }
      }),
      PicClock.layer,
      CryptoLayer.layer,
      Layer.succeed(References.MinimumLogLevel, "None")
    ))
  )
const system = Embedded.layerWith({}).pipe(Layer.provideMerge(foundation))

const allow: Decision = {
  id: "d",
  eventId: "",
  action: "allow",
  source: "brain",
  reason: "normal",
  confidence: 1,
  pValue: 1,
  findings: [],
  wouldBlock: false
}

/** Puts a service that does nothing in the doctor's way: the honest one with its essential act left out. */
type Tamper = <A>(run: Effect.Effect<A, never, Doctor.Services>) => Effect.Effect<A, never, Doctor.Services>

const noop: Readonly<Record<string, Tamper>> = {
  CryptoCore: Effect.updateService(CryptoCore, (real) => ({ ...real, verifyMacUnsafe: () => true })),
  KeyManager: Effect.updateService(KeyManager, (real) => ({
    ...real,
    verifyKeyUnsafe: (purpose) => real.getActiveKeyUnsafe(purpose)
  })),
  PicClock: Effect.updateService(PicClockService, () => ({ nowUnsafe: () => 1_700_000_000_000 })),
  StateStore: Effect.updateService(StateStore, () => ({
    save: () => Effect.void,
    load: () => Effect.succeed({ _tag: "Absent" } as const)
  })),
  TelemetryGenerator: Effect.updateService(TelemetryGenerator, () => ({
    describeUnsafe: () => none,
    describe: () => Effect.succeed(none),
    hashUnsafe: () => 0
  })),
  RateLimiter: Effect.updateService(RateLimiter, (real) => ({ ...real, checkRateUnsafe: () => true })),
  SamplingController: Effect.updateService(SamplingController, (real) => ({ ...real, applySignalUnsafe: () => {} })),
  FailPolicy: Effect.updateService(FailPolicy, (real) => ({ ...real, decideUnsafe: () => allow })),
  ErrorRecovery: Effect.updateService(ErrorRecovery, (real) => ({
    ...real,
    handleCommunicationErrorUnsafe: () => allow
  })),
  DecisionEngine: Effect.updateService(DecisionEngine, (real) => ({ ...real, decideUnsafe: () => allow })),
  BrainLink: Effect.updateService(BrainLink, (real) => ({ ...real, send: () => Effect.succeed(new Uint8Array(0)) })),
  SecureTransport: Effect.updateService(SecureTransport, (real) => ({
    ...real,
    verifyDecisionUnsafe: () => Result.succeed({ decision: allow, backpressure: clear })
  })),
  SecurityValidator: Effect.updateService(BrainLink, (real) => ({
    ...real,
    // What a validator that checks nothing looks like from outside: every frame is answered.
    send: (frame) => Effect.catch(real.send(frame), () => Effect.succeed(frame))
  })),
  ReplayGuard: Effect.updateService(BrainLink, (real) => ({
    ...real,
    send: (frame) => Effect.catch(real.send(frame), () => Effect.succeed(frame))
  })),
  EventQueue: Effect.updateService(EventQueue, (real) => ({ ...real, enqueueUnsafe: () => true })),
  BackpressureController: Effect.updateService(BackpressureController, (real) => ({
    ...real,
    checkAndSignalUnsafe: () => clear
  })),
  BrainCore: Effect.updateService(BrainCore, (real) => ({
    ...real,
    status: Effect.map(real.status, (status) => ({ ...status, eventsAnalysed: 0 }))
  })),
  BrainConnector: Effect.updateService(BrainConnector, (real) => ({
    ...real,
    sendEvent: () => Effect.succeed({ ...allow, source: "fail_open" as const })
  })),
  CellAgent: Effect.updateService(CellAgent, (real) => ({
    ...real,
    judgeUnsafe: () => ({ decision: allow, startedAt: 0, eventId: "" })
  })),
  Monitor: Effect.updateService(Monitor, (real) => ({
    ...real,
    judgeUnsafe: () => ({ decision: allow, startedAt: 0, eventId: "" })
  })),
  TraceStore: Effect.updateService(TraceStore, (real) => ({
    ...real,
    recent: () => Effect.succeed([]),
    findDecision: () => Effect.succeed(undefined)
  })),
  BaselineProfiler: Effect.updateService(BaselineProfiler, (real) => ({
    ...real,
    profile: () => Effect.succeed(undefined)
  })),
  PicMetrics: Effect.updateService(PicMetrics, (real) => ({
    ...real,
    getStats: Effect.map(
      real.getStats,
      (stats) => ({ ...stats, counters: { ...stats.counters, security_violations: 0 } })
    )
  })),
  AuditLogger: Effect.updateService(AuditLogger, (real) => ({
    ...real,
    query: () => Effect.succeed({ records: [], scanned: 0, total: 0 })
  })),
  AuditStore: Effect.updateService(AuditStore, (real) => ({ ...real, read: () => Effect.succeed([]) })),
  AnomalyDetector: Effect.updateService(AnomalyDetector, (real) => ({ ...real, scoreUnsafe: () => unjudged("ready") })),
  PicHealth: Effect.updateService(PicHealth, (real) => ({ ...real, reportUnsafe: () => {}, changes: Stream.empty }))
}

const examine = (tamper: Tamper, thorough: boolean) => tamper(Doctor.run({ thorough })).pipe(Effect.provide(system))

describe("Doctor", () => {
  it.live("finds nothing wrong with the shipped system, thorough or gentle", () =>
    Effect.gen(function*() {
      for (const thorough of [false, true]) {
        const report = yield* examine((run) => run, thorough)
        assert.deepStrictEqual(report.hops.filter((hop) => !hop.ok), [])
        assert.isTrue(report.ok)
      }
    }))

  for (const [service, tamper] of Object.entries(noop)) {
    it.live(`names ${service} where it does nothing`, () =>
      Effect.gen(function*() {
        const report = yield* examine(tamper, true)
        assert.include(report.broken, service)
        assert.isFalse(report.ok)
      }))
  }

  it.live("names the replay guard where its layer accepts everything", () =>
    Effect.gen(function*() {
      const open = Layer.effect(
        ReplayGuard,
        Effect.succeed(ReplayGuard.of({
          acceptUnsafe: () => "accepted",
          accept: () => Effect.succeed("accepted"),
          isReplayAttack: () => Effect.succeed(false),
          cleanupOldNonces: Effect.succeed(0),
          status: Effect.succeed({ senders: 0, epochs: 0, bytes: 0 })
        }))
      )
      const withOpen = Embedded.layerWith({ ReplayGuard: open }).pipe(Layer.provideMerge(foundation))
      const report = yield* Doctor.run({ thorough: false }).pipe(Effect.provide(withOpen))
      assert.deepStrictEqual(report.broken, ["ReplayGuard"])
    }))

  it.live("says that a system that is switched off protects nothing", () =>
    Effect.gen(function*() {
      const off = Embedded.layerWith({}).pipe(
        Layer.provideMerge(AuditStoreLayer.layerMemory),
        Layer.provideMerge(Layer.mergeAll(StateStoreLayer.layerMemory, TraceStoreLayer.layerMemory)),
        Layer.provideMerge(KeyManagerLayer.layerMemory),
        Layer.provideMerge(Embedded.observability),
        Layer.provideMerge(Layer.mergeAll(
          Config.layerSettings({ storage: { directory: "memory" }, cellagent: { enabled: false } }),
          PicClock.layer,
          CryptoLayer.layer,
          Layer.succeed(References.MinimumLogLevel, "None")
        ))
      )
      const report = yield* Doctor.run({ thorough: false }).pipe(Effect.provide(off))
      assert.isFalse(report.ok)
      assert.isFalse(report.protecting)
      assert.include(report.broken, "PicConfig")
    }))
})
