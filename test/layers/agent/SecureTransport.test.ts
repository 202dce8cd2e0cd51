import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { clear } from "../../../src/domain/BackpressureSignal.ts"
import * as SecureTransportLayer from "../../../src/layers/agent/SecureTransport.ts"
import * as ReplayGuardLayer from "../../../src/layers/brain/ReplayGuard.ts"
import * as SecurityValidatorLayer from "../../../src/layers/brain/SecurityValidator.ts"
import * as CryptoCoreLayer from "../../../src/layers/crypto/CryptoCore.ts"
import * as KeyManagerLayer from "../../../src/layers/crypto/KeyManager.ts"
import { CryptoCore } from "../../../src/services/CryptoCore.ts"
import { batchMax, SecureTransport, type SecurityViolation } from "../../../src/services/SecureTransport.ts"
import { SecurityValidator } from "../../../src/services/SecurityValidator.ts"
import { sampleDecision, sampleEvent } from "../../support/Arbitraries.ts"
import { epochMs, makeBase, makeLink } from "../../support/Signing.ts"

const kindOf = (result: Result.Result<unknown, SecurityViolation>) =>
  Result.isFailure(result) ? result.failure.kind : "accepted"

const eventOf = (id: string) => ({ ...sampleEvent, id })
const decisionOn = (eventId: string) => ({ ...sampleDecision, eventId })

const outcome = {
  eventId: sampleEvent.id,
  fn: sampleEvent.fn,
  timestamp: epochMs,
  outcome: { kind: "failure" as const, tag: "LedgerError", durationMs: 1.5 }
}

describe("SecureTransport and SecurityValidator", () => {
  it.effect("carry an event there and its decision back, by both forms of each method", () =>
    Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const request = yield* transport.signEvent(sampleEvent)
      const verified = yield* validator.verifyEvent(request.frame)
      assert.strictEqual(verified.purpose, "event")
      if (verified.purpose === "event") assert.deepStrictEqual(verified.event, sampleEvent)
      assert.match(verified.agentId, /^agent#[A-Za-z0-9_-]{12}$/)
      assert.strictEqual(verified.timestamp, epochMs)
      const signal = { active: true, recommendedRate: 0.25, queueUtilization: 0.9, reason: "queue" }
      const reply = yield* transport.verifyDecision(
        request,
        validator.signDecisionUnsafe(verified, sampleDecision, signal)
      )
      assert.deepStrictEqual(reply, { decision: sampleDecision, backpressure: signal })
      const refused = yield* Effect.flip(validator.verifyEvent(request.frame))
      assert.strictEqual(refused.message, "replayed: the message was already used")
      assert.isTrue(yield* validator.isReplayAttack(verified.agentId, verified.nonce, verified.timestamp))
      assert.strictEqual(yield* validator.cleanupOldNonces, 0)
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("carry batches of events and outcomes under one MAC each", () =>
    Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const batch = Array.from({ length: batchMax }, (_, i) => eventOf(`e${i}`))
      const request = transport.signEventsUnsafe(batch)
      const verified = Result.getOrThrow(validator.verifyEventUnsafe(request.frame))
      assert.deepStrictEqual(verified.purpose === "events" ? verified.events : [], batch)
      const answers = batch.map((event) => decisionOn(event.id))
      const reply = transport.verifyDecisionsUnsafe(request, validator.signDecisionsUnsafe(verified, answers, clear))
      assert.deepStrictEqual(Result.getOrThrow(reply), { decisions: answers, backpressure: clear })

      const report = transport.signOutcomesUnsafe([outcome, outcome])
      const received = Result.getOrThrow(validator.verifyEventUnsafe(report.frame))
      assert.deepStrictEqual(received.purpose === "outcomes" ? received.reports : [], [outcome, outcome])
      assert.deepStrictEqual(
        Result.getOrThrow(transport.verifyAckUnsafe(report, validator.signAckUnsafe(received, clear))),
        clear
      )
      assert.strictEqual(
        kindOf(transport.verifyAckUnsafe(request, validator.signAckUnsafe(received, clear))),
        "wrong_request"
      )
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("refuse by the documented kinds", () => {
    const link = makeLink()
    return Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const sign = () => transport.signEventUnsafe(sampleEvent).frame
      assert.strictEqual(kindOf(validator.verifyEventUnsafe(new Uint8Array(0))), "malformed")
      assert.strictEqual(kindOf(validator.verifyEventUnsafe(new Uint8Array(20_000_000))), "malformed")
      const altered = sign()
      altered[altered.length - 1]! ^= 1
      assert.strictEqual(kindOf(validator.verifyEventUnsafe(altered)), "bad_signature")
      const old = sign()
      link.clock.set(epochMs + 300_001)
      assert.strictEqual(kindOf(validator.verifyEventUnsafe(old)), "stale")
      const broken = transport.signEventUnsafe({ ...sampleEvent, fn: "x".repeat(257) }).frame
      assert.strictEqual(kindOf(validator.verifyEventUnsafe(broken)), "malformed")
      const empty = transport.signEventsUnsafe([])
      assert.strictEqual(kindOf(validator.verifyEventUnsafe(empty.frame)), "accepted")
    }).pipe(Effect.provide(link.layer))
  })

  it.effect("compute exactly four MACs for a protected call", () => {
    const base = makeBase()
    let macs = 0
    const counting = Layer.effect(
      CryptoCore,
      Effect.map(CryptoCore, (crypto) =>
        CryptoCore.of({
          ...crypto,
          macUnsafe: (key, data) => {
            macs++
            return crypto.macUnsafe(key, data)
          },
          verifyMacUnsafe: (key, data, mac) => {
            macs++
            return crypto.verifyMacUnsafe(key, data, mac)
          }
        }))
    ).pipe(Layer.provide(CryptoCoreLayer.layer))
    return Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      macs = 0
      const request = transport.signEventUnsafe(sampleEvent)
      const verified = Result.getOrThrow(validator.verifyEventUnsafe(request.frame))
      Result.getOrThrow(
        transport.verifyDecisionUnsafe(request, validator.signDecisionUnsafe(verified, sampleDecision, clear))
      )
      assert.strictEqual(macs, 4)
    }).pipe(Effect.provide(
      Layer.mergeAll(SecureTransportLayer.layer, SecurityValidatorLayer.layer).pipe(
        Layer.provideMerge(Layer.mergeAll(KeyManagerLayer.layerMemory, ReplayGuardLayer.layerMemory)),
        Layer.provideMerge(counting),
        Layer.provideMerge(base.layer)
      )
    ))
  })

  it.effect("refuse, rather than throw, when a primitive throws", () =>
    Effect.gen(function*() {
      const transport = yield* SecureTransport
      const request = transport.signEventUnsafe(sampleEvent)
      const verified = Result.getOrThrow((yield* SecurityValidator).verifyEventUnsafe(request.frame))
      const reply = (yield* SecurityValidator).signDecisionUnsafe(verified, sampleDecision, clear)
      const crypto = yield* CryptoCore
      const broken = Layer.succeed(CryptoCore, {
        ...crypto,
        verifyMacUnsafe: () => {
          throw new Error("no such algorithm")
        }
      })
      yield* Effect.gen(function*() {
        const brokenTransport = yield* SecureTransport
        const brokenValidator = yield* SecurityValidator
        assert.strictEqual(kindOf(brokenTransport.verifyDecisionUnsafe(request, reply)), "bad_signature")
        assert.strictEqual(kindOf(brokenTransport.verifyDecisionsUnsafe(request, reply)), "malformed")
        assert.strictEqual(kindOf(brokenValidator.verifyEventUnsafe(request.frame)), "bad_signature")
      }).pipe(Effect.provide(
        Layer.mergeAll(Layer.fresh(SecureTransportLayer.layer), Layer.fresh(SecurityValidatorLayer.layer)).pipe(
          Layer.provide(broken)
        ),
        { local: true }
      ))
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("two transports of one agent id do not share a window of nonces", () =>
    Effect.gen(function*() {
      const build = Effect.map(SecureTransport, (transport) => transport).pipe(
        Effect.provide(Layer.fresh(SecureTransportLayer.layer), { local: true })
      )
      const validator = yield* SecurityValidator
      const senders = yield* Effect.forEach([1, 2, 3], () => build)
      const names = senders.map((transport) =>
        Result.getOrThrow(validator.verifyEventUnsafe(transport.signEventUnsafe(sampleEvent).frame)).agentId
      )
      assert.strictEqual(new Set(names).size, 3)
    }).pipe(Effect.provide(makeLink().layer)))
})
