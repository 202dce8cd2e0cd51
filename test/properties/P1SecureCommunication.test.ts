import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { clear } from "../../src/domain/BackpressureSignal.ts"
import { nonceOf } from "../../src/domain/wire/Frame.ts"
import * as SecurityValidatorLayer from "../../src/layers/brain/SecurityValidator.ts"
import { CryptoCore } from "../../src/services/CryptoCore.ts"
import { KeyManager } from "../../src/services/KeyManager.ts"
import { ReplayGuard } from "../../src/services/ReplayGuard.ts"
import { SecureTransport } from "../../src/services/SecureTransport.ts"
import { SecurityValidator } from "../../src/services/SecurityValidator.ts"
import * as Arbitraries from "../support/Arbitraries.ts"
import { makeRandom, type SeededRandom } from "../support/Seeded.ts"
import { epochMs, makeLink } from "../support/Signing.ts"

type Validator = SecurityValidator["Service"]
type Transport = SecureTransport["Service"]

const samples = {
  events: fc.sample(Arbitraries.event, { numRuns: 40, seed: 1 }),
  outcomes: fc.sample(Arbitraries.outcome, { numRuns: 40, seed: 2 })
}

const signAny = (transport: Transport, random: SeededRandom): Uint8Array => {
  switch (random.below(3)) {
    case 0:
      return transport.signEventUnsafe(random.pick(samples.events)).frame
    case 1:
      return transport.signEventsUnsafe(samples.events.slice(0, 1 + random.below(4))).frame
    default:
      return transport.signOutcomesUnsafe(samples.outcomes.slice(0, 1 + random.below(8))).frame
  }
}

/** Changes that leave no frame as it was. */
const alterations: ReadonlyArray<(frame: Uint8Array, random: SeededRandom) => Uint8Array> = [
  (frame, random) => {
    frame[random.below(frame.length)]! ^= 1 << random.below(8)
    return frame
  },
  (frame, random) => frame.slice(0, random.below(frame.length)),
  (frame, random) => Uint8Array.from([...frame, random.below(256)]),
  // Another purpose, and another direction with it.
  (frame, random) => {
    frame[1] = (frame[1]! + 1 + random.below(2)) % 3
    return frame
  },
  (frame) => {
    frame[1]! += 3
    frame[2] = 2
    return frame
  },
  // Another sender: a letter of the agent id, which begins behind the timestamp and a length.
  (frame) => {
    frame[31]! ^= 0x20
    return frame
  },
  (frame, random) => random.bytes(frame.length)
]

/** What went wrong: an altered message had an effect, or a refused one did. */
const findViolation = (transport: Transport, validator: Validator, guard: ReplayGuard["Service"], rounds: number) =>
  Effect.gen(function*() {
    const random = makeRandom(5)
    for (let round = 0; round < rounds; round++) {
      const frame = signAny(transport, random)
      const before = yield* guard.status
      for (let i = 0; i < alterations.length; i++) {
        const altered = alterations[i]!(Uint8Array.from(frame), random)
        if (Result.isSuccess(validator.verifyEventUnsafe(altered))) {
          return `round ${round}: alteration ${i} was accepted`
        }
      }
      if ((yield* guard.status).epochs !== before.epochs) return `round ${round}: a refused message was remembered`
      if (Result.isFailure(validator.verifyEventUnsafe(frame))) return `round ${round}: the original was refused`
    }
    return undefined
  })

const services = Effect.all({
  transport: SecureTransport,
  validator: SecurityValidator,
  guard: ReplayGuard,
  keys: KeyManager,
  crypto: CryptoCore
})

describe("P1: a message that was altered, or signed for anything else, has no effect", () => {
  it.effect("1,000 messages, each altered in every way", () =>
    Effect.gen(function*() {
      const { guard, transport, validator } = yield* services
      assert.isUndefined(yield* findViolation(transport, validator, guard, 1_000))
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("each single bit of a frame", () =>
    Effect.gen(function*() {
      const { transport, validator } = yield* services
      const { frame } = transport.signEventUnsafe(Arbitraries.sampleEvent)
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const altered = Uint8Array.from(frame)
        altered[bit >> 3]! ^= 1 << (bit & 7)
        assert.isTrue(Result.isFailure(validator.verifyEventUnsafe(altered)), `bit ${bit}`)
      }
      assert.isTrue(Result.isSuccess(validator.verifyEventUnsafe(frame)))
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("a reply sent back as a request", () =>
    Effect.gen(function*() {
      const { transport, validator } = yield* services
      const request = Result.getOrThrow(
        validator.verifyEventUnsafe(transport.signEventUnsafe(Arbitraries.sampleEvent).frame)
      )
      const replies = [
        validator.signDecisionUnsafe(request, Arbitraries.sampleDecision, clear),
        validator.signDecisionsUnsafe(request, [], clear),
        validator.signAckUnsafe(request, clear)
      ]
      for (const reply of replies) {
        const refused = validator.verifyEventUnsafe(reply)
        assert.strictEqual(Result.isFailure(refused) ? refused.failure.kind : "accepted", "malformed")
      }
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("keys that are revoked, past their time, or of another boot", () => {
    const link = makeLink()
    return Effect.gen(function*() {
      const { keys, transport, validator } = yield* services
      const kindOf = (frame: Uint8Array) => {
        const result = validator.verifyEventUnsafe(frame)
        return Result.isFailure(result) ? result.failure.kind : "accepted"
      }
      const sign = () => transport.signEventUnsafe(Arbitraries.sampleEvent).frame
      const retiring = [sign(), sign()]
      yield* keys.rotateKeys
      assert.strictEqual(kindOf(retiring[0]!), "accepted")
      link.clock.set(epochMs + 305_001)
      assert.strictEqual(kindOf(retiring[1]!), "unknown_key")
      const revoked = sign()
      yield* keys.revokeKey(keys.getActiveKeyUnsafe("event").id)
      assert.strictEqual(kindOf(revoked), "unknown_key")
      assert.strictEqual(kindOf(sign()), "accepted")
      const foreign = yield* Effect.map(
        SecureTransport,
        (other) => other.signEventUnsafe(Arbitraries.sampleEvent).frame
      )
        .pipe(Effect.provide(makeLink().layer, { local: true }))
      assert.strictEqual(kindOf(foreign), "unknown_key")
    }).pipe(Effect.provide(link.layer))
  })

  it.effect("positive control: a MAC compared in its first byte only is caught", () => {
    const weaken = (crypto: CryptoCore["Service"]): CryptoCore["Service"] => ({
      ...crypto,
      verifyMacUnsafe: (key, data, mac) => crypto.macUnsafe(key, data)[0] === mac[0]
    })
    return Effect.gen(function*() {
      const { crypto, guard, transport } = yield* services
      const validator = yield* SecurityValidator.pipe(
        Effect.provide(
          SecurityValidatorLayer.layer.pipe(Layer.provide(Layer.succeed(CryptoCore, weaken(crypto)))),
          { local: true }
        )
      )
      // An alteration that passes the weak check and cannot be decoded shows by the nonce that it used up.
      const violation = (yield* findViolation(transport, validator, guard, 1_000)) ?? ""
      assert.match(violation, /alteration \d was accepted|the original was refused/)
    }).pipe(Effect.provide(makeLink().layer))
  })

  it.effect("positive control: a nonce used up before the MAC was verified is caught", () =>
    Effect.gen(function*() {
      const { guard, transport, validator } = yield* services
      const hasty: Validator = {
        ...validator,
        verifyEventUnsafe: (frame) => {
          guard.acceptUnsafe("someone", nonceOf(frame), epochMs)
          return validator.verifyEventUnsafe(frame)
        }
      }
      assert.match((yield* findViolation(transport, hasty, guard, 10)) ?? "", /was remembered/)
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("positive control: a validator that trusts everything is caught", () =>
    Effect.gen(function*() {
      const { guard, transport, validator } = yield* services
      const request = validator.verifyEventUnsafe(transport.signEventUnsafe(Arbitraries.sampleEvent).frame)
      const blind: Validator = { ...validator, verifyEventUnsafe: () => request }
      assert.match((yield* findViolation(transport, blind, guard, 1)) ?? "", /alteration 0 was accepted/)
    }).pipe(Effect.provide(makeLink().layer)))
})
