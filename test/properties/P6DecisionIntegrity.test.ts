import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { clear } from "../../src/domain/BackpressureSignal.ts"
import type { Decision } from "../../src/domain/Decision.ts"
import { SecureTransport, type SignedRequest } from "../../src/services/SecureTransport.ts"
import { SecurityValidator, type VerifiedRequest } from "../../src/services/SecurityValidator.ts"
import * as Arbitraries from "../support/Arbitraries.ts"
import { makeRandom, type SeededRandom } from "../support/Seeded.ts"
import { epochMs, makeLink } from "../support/Signing.ts"

type Verify = SecureTransport["Service"]["verifyDecisionUnsafe"]

const eventOf = (id: string) => ({ ...Arbitraries.sampleEvent, id })
const decisionOn = (eventId: string) => ({ ...Arbitraries.sampleDecision, eventId })

interface Exchange {
  readonly request: SignedRequest
  readonly verified: VerifiedRequest
  readonly reply: Uint8Array
  readonly decision: Decision
}

const events = fc.sample(Arbitraries.event, { numRuns: 40, seed: 3 })
const decisions = fc.sample(Arbitraries.decision, { numRuns: 40, seed: 4 })

const makeExchange =
  (transport: SecureTransport["Service"], validator: SecurityValidator["Service"]) =>
  (random: SeededRandom, event = random.pick(events)): Exchange => {
    const request = transport.signEventUnsafe(event)
    const verified = Result.getOrThrow(validator.verifyEventUnsafe(request.frame))
    const decision = { ...random.pick(decisions), eventId: event.id }
    return { request, verified, decision, reply: validator.signDecisionUnsafe(verified, decision, clear) }
  }

/** What went wrong: a decision was enforced that is not the answer, or the answer was not. */
const findViolation = (
  exchange: ReturnType<typeof makeExchange>,
  validator: SecurityValidator["Service"],
  verify: Verify
) => {
  const random = makeRandom(6)
  const enforced = (request: SignedRequest, reply: Uint8Array) => Result.isSuccess(verify(request, reply))
  for (let round = 0; round < 1_000; round++) {
    const one = exchange(random)
    const bit = random.below(one.reply.length * 8)
    const altered = Uint8Array.from(one.reply)
    altered[bit >> 3]! ^= 1 << (bit & 7)
    if (enforced(one.request, altered)) return `bit ${bit} was altered`
    if (enforced(one.request, one.reply.slice(0, random.below(one.reply.length)))) return "a cut reply"
    const other = exchange(random)
    if (enforced(other.request, one.reply)) return "the answer to another request"
    const event = random.pick(events)
    const first = exchange(random, event)
    const retry = exchange(random, event)
    if (enforced(retry.request, first.reply)) return "a replayed answer to the same event"
    const wrongEvent = validator.signDecisionUnsafe(one.verified, { ...one.decision, eventId: "another" }, clear)
    if (enforced(one.request, wrongEvent)) return "a decision on another event"
    if (enforced(one.request, validator.signDecisionsUnsafe(one.verified, [one.decision], clear))) return "a batch"
    if (enforced(one.request, validator.signAckUnsafe(one.verified, clear))) return "an acknowledgement"
    if (enforced(one.request, one.request.frame)) return "the request itself"
    const answer = verify(one.request, one.reply)
    if (Result.isFailure(answer)) return `the answer was refused: ${answer.failure.kind}`
    assert.deepStrictEqual(answer.success, { decision: one.decision, backpressure: clear })
  }
  return undefined
}

describe("P6: only the answer to the request is enforced", () => {
  it.effect("1,000 exchanges, each attacked in every way", () =>
    Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      assert.isUndefined(findViolation(makeExchange(transport, validator), validator, transport.verifyDecisionUnsafe))
    }).pipe(Effect.provide(makeLink().layer)))

  const planted: ReadonlyArray<readonly [string, RegExp, (verify: Verify) => Verify]> = [
    [
      "a verifier that forgets the nonce",
      /another request|replayed answer/,
      (verify) => (request, reply) => {
        const answered = Uint8Array.from(reply.subarray(requestNonceAt(reply), requestNonceAt(reply) + 16))
        return verify({ ...request, nonce: answered }, reply)
      }
    ],
    [
      "a verifier that falls back to the last good answer",
      /was altered/,
      (verify) => {
        let last: ReturnType<Verify> | undefined
        return (request, reply) => {
          const result = verify(request, reply)
          if (Result.isSuccess(result)) last = result
          return last ?? result
        }
      }
    ],
    [
      "a verifier that refuses everything",
      /the answer was refused/,
      (verify) => (request) => verify(request, new Uint8Array(0))
    ]
  ]
  for (const [name, violation, plant] of planted) {
    it.effect(`positive control: catches ${name}`, () =>
      Effect.gen(function*() {
        const transport = yield* SecureTransport
        const validator = yield* SecurityValidator
        const found = findViolation(
          makeExchange(transport, validator),
          validator,
          plant(transport.verifyDecisionUnsafe)
        )
        assert.match(found ?? "", violation)
      }).pipe(Effect.provide(makeLink().layer)))
  }

  it.effect("refuses an answer that is too old or dated ahead", () => {
    const link = makeLink()
    return Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const { reply, request } = makeExchange(transport, validator)(makeRandom(1))
      const kindOf = () => {
        const result = transport.verifyDecisionUnsafe(request, reply)
        return Result.isFailure(result) ? result.failure.kind : "accepted"
      }
      assert.strictEqual(kindOf(), "accepted")
      link.clock.set(epochMs + 300_000)
      assert.strictEqual(kindOf(), "accepted")
      link.clock.set(epochMs + 300_001)
      assert.strictEqual(kindOf(), "stale")
    }).pipe(Effect.provide(link.layer))
  })

  it.effect("an answer to another agent is refused", () =>
    Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const { request, verified, decision } = makeExchange(transport, validator)(makeRandom(2))
      const misdirected = validator.signDecisionUnsafe({ ...verified, agentId: "agent#other" }, decision, clear)
      const result = transport.verifyDecisionUnsafe(request, misdirected)
      assert.strictEqual(Result.isFailure(result) ? result.failure.kind : "accepted", "wrong_request")
    }).pipe(Effect.provide(makeLink().layer)))

  it.effect("a batch must answer its events, all of them and in order", () =>
    Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const batch = [1, 2, 3].map((i) => eventOf(`e${i}`))
      const answers = batch.map((event) => decisionOn(event.id))
      const request = transport.signEventsUnsafe(batch)
      const verified = Result.getOrThrow(validator.verifyEventUnsafe(request.frame))
      const kindOf = (reply: ReadonlyArray<Decision>) => {
        const result = transport.verifyDecisionsUnsafe(request, validator.signDecisionsUnsafe(verified, reply, clear))
        return Result.isFailure(result) ? result.failure.kind : "accepted"
      }
      assert.strictEqual(kindOf(answers), "accepted")
      assert.strictEqual(kindOf(answers.toReversed()), "wrong_request")
      assert.strictEqual(kindOf(answers.slice(1)), "wrong_request")
      assert.strictEqual(kindOf([]), "wrong_request")
    }).pipe(Effect.provide(makeLink().layer)))
})

/** Where the request's nonce lies in a reply: behind two length-prefixed names that begin at byte 29. */
const requestNonceAt = (reply: Uint8Array): number => {
  let at = 29
  for (let name = 0; name < 2; name++) at += 2 + (((reply[at] ?? 0) | (reply[at + 1] ?? 0) << 8) >>> 1)
  return at
}
