import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import * as ErrorRecovery from "../../../src/layers/agent/ErrorRecovery.ts"
import * as FailPolicy from "../../../src/layers/agent/FailPolicy.ts"
import * as RateLimiter from "../../../src/layers/agent/RateLimiter.ts"
import * as SamplingController from "../../../src/layers/agent/SamplingController.ts"
import { Alerts } from "../../../src/services/Alerts.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { ErrorRecovery as Recovery } from "../../../src/services/ErrorRecovery.ts"
import { OwnResources } from "../../../src/services/OwnResources.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { PicMetrics } from "../../../src/services/PicMetrics.ts"
import { RateLimiter as Limiter } from "../../../src/services/RateLimiter.ts"
import { SamplingController as Sampling } from "../../../src/services/SamplingController.ts"
import { SecurityViolation } from "../../../src/services/SecureTransport.ts"
import { OwnUsage } from "../../../src/domain/flow/OwnUsage.ts"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import { cryptoLayer, makeConfig, makeEvent, makeWitness, observability } from "../../support/Flow.ts"

const setup = (settings: SettingsInput = {}, witnessLayer = makeWitness()) => {
  const config = makeConfig(settings)
  const own = new OwnUsage()
  const layer = ErrorRecovery.layer.pipe(
    Layer.provide(FailPolicy.layer),
    Layer.provideMerge(SamplingController.layer),
    Layer.provideMerge(RateLimiter.layer),
    Layer.provide(Layer.mergeAll(cryptoLayer, witnessLayer.layer)),
    Layer.provideMerge(observability),
    Layer.provide(config.layer),
    Layer.provide(Layer.succeed(OwnResources, own))
  )
  return { config, own, layer, witness: witnessLayer }
}

const health = Effect.flatMap(PicHealth, (h) => Effect.map(h.status, (s) => s.line))

describe("RateLimiter", () => {
  it.effect("limits per function, follows a change at once, and reports", () => {
    const { config, layer } = setup({ cellagent: { per_function_limit: 5, global_rate_limit: 1000 } })
    return Effect.provide(
      Effect.gen(function*() {
        const limiter = yield* Limiter
        for (let i = 0; i < 5; i++) assert.isTrue(yield* limiter.checkRate("f"))
        assert.isFalse(limiter.checkRateUnsafe("f"))
        assert.isTrue(limiter.checkRateUnsafe("g"))
        assert.deepStrictEqual(yield* limiter.status, {
          globalRate: 7,
          throttledFunctions: ["f"],
          droppedEvents: 1,
          throttlingActive: false
        })
        config.set({ cellagent: { per_function_limit: 1, global_rate_limit: 1000 } })
        assert.isTrue(limiter.checkRateUnsafe("g"))
        assert.isFalse(limiter.checkRateUnsafe("g"), "four stored tokens are clamped to one")
        assert.isFalse(limiter.checkRateUnsafe("f"))
        yield* TestClock.adjust(1001)
        assert.isTrue(limiter.checkRateUnsafe("f"))
        assert.isFalse(limiter.checkRateUnsafe("f"))
      }),
      layer
    )
  })

  it.effect("flags persistent offenders for review", () => {
    const { layer, witness } = setup({ cellagent: { per_function_limit: 2 } })
    return Effect.provide(
      Effect.gen(function*() {
        const limiter = yield* Limiter
        for (let s = 0; s < 12; s++) {
          for (let i = 0; i < 20; i++) limiter.checkRateUnsafe("noisy")
          yield* TestClock.adjust(1000)
        }
        assert.deepStrictEqual(witness.alerts.map((a) => a.kind), ["review"])
        assert.match(witness.alerts[0]!.message, /^noisy has been over its rate limit/)
      }),
      layer
    )
  })

  it.effect("throttles above the threshold and restores", () => {
    const { layer } = setup({ cellagent: { global_rate_limit: 100, per_function_limit: 10_000 } })
    return Effect.provide(
      Effect.gen(function*() {
        const limiter = yield* Limiter
        const sampling = yield* Sampling
        assert.isFalse(yield* limiter.shouldThrottle)
        for (let i = 0; i < 160; i++) limiter.checkRateUnsafe("f")
        assert.isTrue(yield* limiter.shouldThrottle)
        assert.closeTo(limiter.getAdjustedSamplingRateUnsafe(1), 0.5, 1e-9)
        assert.closeTo(sampling.rateUnsafe(), 0.5, 1e-9)
        yield* TestClock.adjust(3000)
        assert.strictEqual(sampling.rateUnsafe(), 1)
      }),
      layer
    )
  })
})

describe("SamplingController", () => {
  it.effect("says in health what lowers the rate, and clears it", () => {
    const { layer, own } = setup({ limits: { memory_mb: 10 } })
    let bytes = 0
    own.registerUnsafe(() => bytes)
    return Effect.provide(
      Effect.gen(function*() {
        const sampling = yield* Sampling
        bytes = 9 * 1_048_576
        yield* TestClock.adjust(300)
        assert.strictEqual(sampling.rateUnsafe(), 1)
        assert.strictEqual(yield* health, "OBSERVING (degraded: effect-pic uses 9 of 10 MB)")
        bytes = 20 * 1_048_576
        yield* TestClock.adjust(300)
        assert.isBelow(sampling.rateUnsafe(), 0.1)
        assert.match(yield* health, /memory above limits\.memory_mb/)
        assert.deepStrictEqual((yield* sampling.status).reasons, ["memory above limits.memory_mb"])
        bytes = 0
        yield* TestClock.adjust(300)
        assert.strictEqual(sampling.rateUnsafe(), 1)
        assert.strictEqual(yield* health, "OBSERVING")
      }),
      layer
    )
  })

  it.effect("cuts for processor time only where a cap is set", () => {
    const { config, layer, own } = setup()
    return Effect.provide(
      Effect.gen(function*() {
        const sampling = yield* Sampling
        own.busyUnsafe(100)
        yield* TestClock.adjust(260)
        assert.strictEqual(sampling.rateUnsafe(), 1)
        assert.match(yield* health, /more than 5 % of a core/)
        config.set({ limits: { cpu_cap: 0.1 } })
        own.busyUnsafe(100)
        yield* TestClock.adjust(260)
        assert.closeTo(sampling.rateUnsafe(), 0.25, 0.02)
        yield* TestClock.adjust(5000)
        assert.strictEqual(sampling.rateUnsafe(), 1)
      }),
      layer
    )
  })

  it.effect("follows the configured rate from call to call", () => {
    const { config, layer } = setup()
    return Effect.provide(
      Effect.gen(function*() {
        const sampling = yield* Sampling
        assert.isTrue(sampling.sampleUnsafe())
        config.set({ cellagent: { sampling_rate: 0 } })
        assert.isFalse(sampling.sampleUnsafe())
        assert.strictEqual((yield* sampling.status).rate, 0)
      }),
      layer
    )
  })
})

describe("ErrorRecovery", () => {
  const violation = (kind: SecurityViolation["kind"]) => new SecurityViolation({ kind, detail: "x" })

  it.effect("counts every violation and audits them at a bounded rate; the rest becomes part of a gap", () => {
    const { layer, witness } = setup()
    return Effect.provide(
      Effect.gen(function*() {
        const recovery = yield* Recovery
        const metrics = yield* PicMetrics
        for (let i = 0; i < 1000; i++) {
          recovery.handleSecurityErrorUnsafe(violation(i % 2 === 0 ? "replayed" : "bad_signature"))
        }
        assert.lengthOf(witness.records, ErrorRecovery.violationRecordsPerSecond)
        assert.strictEqual(
          witness.losses.reduce((sum, { count }) => sum + count, 0),
          1000 - ErrorRecovery.violationRecordsPerSecond
        )
        const { counters, securityViolations } = yield* metrics.getStats
        assert.strictEqual(securityViolations, 1000)
        assert.strictEqual(counters.attacks_replayed, 500)
        assert.strictEqual(counters.attacks_forged, 500)
        yield* TestClock.adjust(1000)
        recovery.handleSecurityErrorUnsafe(violation("stale"))
        assert.lengthOf(witness.records, ErrorRecovery.violationRecordsPerSecond + 1)
      }),
      layer
    )
  })

  it.effect("lowers load when performance degrades, once per moment, and lets go by itself", () => {
    const { layer, witness } = setup()
    return Effect.provide(
      Effect.gen(function*() {
        const recovery = yield* Recovery
        const sampling = yield* Sampling
        for (let i = 0; i < 100; i++) recovery.handlePerformanceDegradationUnsafe("the queue is full")
        assert.lengthOf(witness.alerts, 1)
        assert.strictEqual(sampling.rateUnsafe(), 0.25, "half by the limiter, half by sampling")
        yield* TestClock.adjust(10_000)
        assert.strictEqual(sampling.rateUnsafe(), 1)
      }),
      layer
    )
  })

  it.effect("ends every failure inside a handler, and still answers by the fail policy", () => {
    const boom = (): never => {
      throw new Error("planted")
    }
    const broken = Layer.mergeAll(
      Layer.mock(Alerts)({ raiseUnsafe: boom }),
      Layer.mock(AuditLogger)({ recordUnsafe: boom, noteLossUnsafe: boom, noteAllowUnsafe: boom })
    )
    const { layer } = setup({}, { ...makeWitness(), layer: broken as ReturnType<typeof makeWitness>["layer"] })
    return Effect.provide(
      Effect.gen(function*() {
        const recovery = yield* Recovery
        recovery.handleSecurityErrorUnsafe(violation("replayed"))
        recovery.handlePerformanceDegradationUnsafe("x")
        recovery.handleLogicErrorUnsafe("x", {
          get reasons() {
            return boom()
          }
        })
        const decision = recovery.handleCommunicationErrorUnsafe("Refused", makeEvent("e"), {
          enforced: true,
          failMode: "closed"
        })
        assert.strictEqual(decision.action, "block")
        assert.strictEqual((yield* (yield* PicMetrics).getStats).counters.errors, 2)
      }),
      layer
    )
  })
})
