import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Result } from "effect"
import { BrainCore } from "../../src/services/BrainCore.ts"
import { BrainLink, type BrainLinkError } from "../../src/services/BrainLink.ts"
import { SecureTransport } from "../../src/services/SecureTransport.ts"
import { makeEvent } from "../support/Flow.ts"

const flipped = (frame: Uint8Array, at: number): Uint8Array => frame.map((byte, i) => i === at ? byte ^ 1 : byte)
const reasonOf = (send: Effect.Effect<Uint8Array, BrainLinkError>) =>
  Effect.map(Effect.flip(send), ({ reason }) => reason._tag)

/** What every BrainLink owes between a working transport and a working brain; `system` is the whole of it. */
export const suite = (
  name: string,
  system: Layer.Layer<BrainLink | SecureTransport | BrainCore, unknown>
) =>
  describe(`BrainLink (${name})`, () => {
    const test = (
      title: string,
      body: (
        link: BrainLink["Service"],
        transport: SecureTransport["Service"],
        brain: BrainCore["Service"]
      ) => Effect.Effect<void, unknown>
    ) =>
      it.effect(title, () =>
        Effect.gen(function*() {
          yield* body(yield* BrainLink, yield* SecureTransport, yield* BrainCore)
        }).pipe(Effect.provide(system)))

    test("carries an event there and its decision back: it answers this request and no other", (link, transport) =>
      Effect.gen(function*() {
        const mine = transport.signEventUnsafe(makeEvent("e1"))
        const other = transport.signEventUnsafe(makeEvent("e2"))
        const reply = (yield* link.send(mine.frame)).slice()
        const verified = transport.verifyDecisionUnsafe(mine, reply)
        assert.strictEqual(Result.isSuccess(verified) ? verified.success.decision.eventId : "", "e1")
        assert.isTrue(Result.isFailure(transport.verifyDecisionUnsafe(other, reply)))
      }))

    test("answers the same through `sendUnsafe`, at once or with an effect", (link, transport) =>
      Effect.gen(function*() {
        const request = transport.signEventUnsafe(makeEvent("e1"))
        const reply = link.sendUnsafe(request.frame)
        const bytes = Effect.isEffect(reply) ? yield* reply : reply
        assert.isTrue(Result.isSuccess(transport.verifyDecisionUnsafe(request, bytes)))
      }))

    test("carries batches of events and of outcomes", (link, transport, brain) =>
      Effect.gen(function*() {
        const ids = ["e1", "e2", "e3"]
        const events = transport.signEventsUnsafe(ids.map((id) =>
          makeEvent(id)
        ))
        const decisions = transport.verifyDecisionsUnsafe(events, yield* link.send(events.frame))
        assert.deepStrictEqual(
          Result.isSuccess(decisions) ? decisions.success.decisions.map(({ eventId }) => eventId) : [],
          ids
        )
        const reports = ids.map((eventId) => ({
          eventId,
          fn: "shop.buy",
          timestamp: 1,
          outcome: { kind: "success" as const, tag: "", durationMs: 1 }
        }))
        const outcomes = transport.signOutcomesUnsafe(reports)
        assert.isTrue(Result.isSuccess(transport.verifyAckUnsafe(outcomes, yield* link.send(outcomes.frame))))
        const { eventsAnalysed, outcomesLearned } = yield* brain.status
        assert.deepStrictEqual([eventsAnalysed, outcomesLearned], [3, 3])
      }))

    test("says of an altered message that it was rejected; the brain does nothing with it", (link, transport, brain) =>
      Effect.gen(function*() {
        const { frame } = transport.signEventUnsafe(makeEvent("e1"))
        for (const at of [0, Math.floor(frame.length / 2), frame.length - 1]) {
          assert.strictEqual(yield* reasonOf(link.send(flipped(frame, at))), "LinkRejected")
        }
        assert.strictEqual(yield* reasonOf(link.send(new Uint8Array())), "LinkRejected")
        const { eventsAnalysed, eventsRejected } = yield* brain.status
        assert.deepStrictEqual([eventsAnalysed, eventsRejected], [0, 4])
      }))

    test("says of a message that comes again that it was rejected", (link, transport, brain) =>
      Effect.gen(function*() {
        const { frame } = transport.signEventUnsafe(makeEvent("e1"))
        const again = frame.slice()
        yield* link.send(frame)
        assert.strictEqual(yield* reasonOf(link.send(again)), "LinkRejected")
        assert.strictEqual((yield* brain.status).eventsAnalysed, 1)
      }))

    test(
      "says of a stopped brain that it is not available and refuses; works again when it does",
      (link, transport, brain) =>
        Effect.gen(function*() {
          assert.isTrue(yield* link.isAvailable)
          yield* brain.stop
          assert.isFalse(yield* link.isAvailable)
          assert.strictEqual(
            yield* reasonOf(link.send(transport.signEventUnsafe(makeEvent("e1")).frame)),
            "LinkRefused"
          )
          yield* brain.start
          assert.isTrue(yield* link.isAvailable)
          yield* link.send(transport.signEventUnsafe(makeEvent("e2")).frame)
        })
    )

    test("judges without an envelope where the brain is in the same process, and says so", (link) =>
      Effect.sync(() => {
        assert.notStrictEqual(link.kind, "")
        if (link.local === undefined) {
          return
        }
        const now = link.local.judgeNowUnsafe(makeEvent("e1"))
        assert.deepInclude(now, { eventId: "e1", action: "allow" })
      }))
  })
