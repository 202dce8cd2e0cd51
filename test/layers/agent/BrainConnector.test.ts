import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { openMsMin } from "../../../src/domain/flow/CircuitBreaker.ts"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import * as BrainConnector from "../../../src/layers/agent/BrainConnector.ts"
import * as ErrorRecovery from "../../../src/layers/agent/ErrorRecovery.ts"
import * as FailPolicy from "../../../src/layers/agent/FailPolicy.ts"
import * as RateLimiter from "../../../src/layers/agent/RateLimiter.ts"
import * as SamplingController from "../../../src/layers/agent/SamplingController.ts"
import { BrainConnector as Connector, type CallPolicy } from "../../../src/services/BrainConnector.ts"
import { BrainLinkError, LinkPartitioned } from "../../../src/services/BrainLink.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { SamplingController as Sampling } from "../../../src/services/SamplingController.ts"
import {
  allowAll,
  cryptoLayer,
  makeConfig,
  makeEvent,
  makeLink,
  makeTransport,
  makeWitness,
  observability
} from "../../support/Flow.ts"

type Answer = Parameters<typeof makeLink>[1]

const enforced: CallPolicy = { enforced: true, failMode: undefined }
const partitioned: Answer = () => Effect.fail(new BrainLinkError({ reason: new LinkPartitioned({ detail: "x" }) }))

const setup = (kind: string, answer: Answer, settings: SettingsInput = {}) => {
  const config = makeConfig(settings)
  const link = makeLink(kind, answer)
  const witness = makeWitness()
  const layer = BrainConnector.layer.pipe(
    Layer.provide(ErrorRecovery.layer),
    Layer.provide(FailPolicy.layer),
    Layer.provideMerge(SamplingController.layer),
    Layer.provide(RateLimiter.layer),
    Layer.provide(Layer.mergeAll(link.layer, makeTransport(), cryptoLayer, witness.layer)),
    Layer.provideMerge(observability),
    Layer.provide(config.layer)
  )
  return { config, link, witness, layer }
}

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

/** Sends one event and lets time run until it is decided. Answers the decision and how long it took. */
const timed = (id: string, policy: CallPolicy = enforced) =>
  Effect.gen(function*() {
    const connector = yield* Connector
    const from = yield* now
    let took = -1
    const fiber = yield* Effect.forkChild(Effect.tap(connector.sendEvent(makeEvent(id), policy), () =>
      Effect.map(now, (at) => {
        took = at - from
      })))
    for (let ms = 0; ms < 1_300 && fiber.pollUnsafe() === undefined; ms++) {
      yield* TestClock.adjust(1)
    }
    return { decision: yield* Fiber.join(fiber), took }
  })

describe("BrainConnector", () => {
  it.effect("answers at once where the link does, and obeys the signal that comes with the verdict", () => {
    const signal = { active: true, recommendedRate: 0.25, queueUtilization: 0.9, reason: "full" }
    const { layer } = setup("in-process", (frame) => allowAll(frame, { signal }))
    return Effect.provide(
      Effect.gen(function*() {
        const connector = yield* Connector
        const sampling = yield* Sampling
        const decision = connector.sendEventUnsafe(makeEvent("a"), enforced)
        if (Effect.isEffect(decision)) return assert.fail("must not suspend")
        assert.strictEqual(decision.id, "d-a")
        assert.strictEqual(sampling.rateUnsafe(), 0.25)
      }),
      layer
    )
  })

  it.effect("retries with the same event id under a new nonce, within the deadline", () => {
    let calls = 0
    const { layer, link } = setup("unix-socket", (frame) => ++calls < 3 ? partitioned(frame) : allowAll(frame), {
      cellagent: { retry_backoff_ms: 4 }
    })
    return Effect.provide(
      Effect.gen(function*() {
        const { decision, took } = yield* timed("a")
        assert.strictEqual(decision.source, "brain")
        assert.deepStrictEqual(link.sent.map((f) => f.events), [["a"], ["a"], ["a"]])
        assert.strictEqual(new Set(link.sent.map((f) => f.nonce)).size, 3)
        assert.isAtMost(took, 50)
        assert.strictEqual((yield* (yield* Connector).status).retries, 2)
      }),
      layer
    )
  })

  for (const hang of [Effect.never, Effect.uninterruptible(Effect.never)]) {
    it.effect("never lets a caller wait beyond the deadline, even where the link cannot be interrupted", () => {
      const { layer } = setup("unix-socket", () => hang, { cellagent: { retry_backoff_ms: 2, deadline_ms: 35 } })
      return Effect.provide(
        Effect.gen(function*() {
          const { decision, took } = yield* timed("a")
          assert.strictEqual(decision.source, "fail_open")
          assert.match(decision.reason, /^Timeout: /)
          assert.isAtMost(took, 36)
        }),
        layer
      )
    })
  }

  it.effect("one attempt takes brain_timeout_ms, not the whole deadline", () => {
    const { layer } = setup("unix-socket", () => Effect.never)
    return Effect.provide(Effect.map(timed("a"), ({ took }) => assert.isAtMost(took, 11)), layer)
  })

  it.effect("waits for evidence in the same process without retrying or losing the verdict", () => {
    let finished = 0
    const { layer, link } = setup("in-process", (frame) =>
      Effect.map(Effect.sleep(48), () => {
        finished++
        return allowAll(frame)
      }))
    return Effect.provide(
      Effect.gen(function*() {
        const { decision, took } = yield* timed("a")
        assert.strictEqual(decision.source, "brain")
        assert.closeTo(took, 48, 1)
        assert.strictEqual(link.sent.length, 1)
        link.set((frame) =>
          Effect.map(Effect.sleep(100), () => {
            finished++
            return allowAll(frame)
          })
        )
        const late = yield* timed("b")
        assert.strictEqual(late.decision.source, "brain", "a verdict that is late, as after a stall, still stands")
        link.set(() => Effect.never)
        const hung = yield* timed("c")
        assert.match(hung.decision.reason, /^Timeout: /)
        assert.isAtMost(hung.took, 50 + BrainConnector.evidenceSlackMs + 1)
        assert.strictEqual(finished, 2)
      }),
      layer
    )
  })

  it.effect("delivers what was answered by the fail policy, once each, when the brain is back", () => {
    const { layer, link } = setup("unix-socket", partitioned)
    return Effect.provide(
      Effect.gen(function*() {
        const connector = yield* Connector
        for (let i = 0; i < 30; i++) assert.strictEqual((yield* timed(`e${i}`)).decision.source, "fail_open")
        const away = yield* connector.status
        assert.isAtLeast(away.bufferedEvents, 30)
        assert.strictEqual(away.breaker, "open")
        assert.isFalse(yield* connector.isAvailable)
        assert.match((yield* (yield* PicHealth).status).line, /^NOT PROTECTING: the brain cannot be reached/)

        const before = link.sent.length
        link.set(allowAll)
        yield* TestClock.adjust("30 seconds")
        const delivered = link.sent.slice(before).flatMap((f) => f.events ?? [])
        assert.sameMembers(delivered, Array.from({ length: 30 }, (_, i) => `e${i}`))
        const back = yield* connector.status
        assert.strictEqual(back.bufferedEvents, 0)
        assert.strictEqual(back.bufferedBytes, 0)
        assert.strictEqual(back.breaker, "closed")
        assert.strictEqual((yield* (yield* PicHealth).status).line, "OBSERVING")
        assert.strictEqual(new Set(link.sent.map((f) => f.nonce)).size, link.sent.length, "no envelope is sent twice")
      }),
      layer
    )
  })

  it.effect("bounds the buffer by bytes and by age, and notes what is lost", () => {
    const { layer, witness } = setup("unix-socket", partitioned, {
      cellagent: { buffer_bytes: 2_000, buffer_age_seconds: 60 }
    })
    return Effect.provide(
      Effect.gen(function*() {
        const connector = yield* Connector
        for (let i = 0; i < 30; i++) yield* timed(`e${i}`)
        const full = yield* connector.status
        assert.isAtMost(full.bufferedBytes, 2_000)
        assert.strictEqual(full.bufferedEvents + full.droppedEvents, 30)
        yield* TestClock.adjust("2 minutes")
        const old = yield* connector.status
        assert.strictEqual(old.bufferedEvents, 0)
        assert.strictEqual(witness.losses.reduce((sum, { count }) => sum + count, 0), 30)
      }),
      layer
    )
  })

  it.effect("adds at most a tenth to the load in an outage", () => {
    const { layer, link } = setup("unix-socket", partitioned, { cellagent: { retry_backoff_ms: 1, buffer_bytes: 0 } })
    return Effect.provide(
      Effect.gen(function*() {
        const calls = 500
        for (let i = 0; i < calls; i++) yield* timed(`e${i}`)
        assert.isAtMost(link.sent.length, calls * 1.1 + 10)
      }),
      layer
    )
  })

  it.effect("lets one probe through at half-open however many callers wait, and frees it when interrupted", () => {
    const { layer, link } = setup("in-process", partitioned, { cellagent: { buffer_bytes: 0 } })
    return Effect.provide(
      Effect.gen(function*() {
        const connector = yield* Connector
        for (let i = 0; i < 5; i++) yield* timed(`e${i}`)
        link.set(() => Effect.never)
        yield* TestClock.adjust(openMsMin)
        const before = link.sent.length
        const waiting = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, i) => i),
          (i) => Effect.forkChild(connector.sendEvent(makeEvent(`p${i}`), enforced))
        )
        yield* Effect.yieldNow
        assert.strictEqual(link.sent.length - before, 1)
        yield* Fiber.interruptAll(waiting)
        link.set(allowAll)
        assert.strictEqual((yield* timed("again")).decision.source, "brain")
        assert.strictEqual((yield* connector.status).breaker, "closed")
      }),
      layer
    )
  })

  it.effect("lets the interruption of the caller pass through", () => {
    const { layer } = setup("unix-socket", () => Effect.never)
    return Effect.provide(
      Effect.gen(function*() {
        const connector = yield* Connector
        const fiber = yield* Effect.forkChild(connector.sendEvent(makeEvent("a"), enforced), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Exit.hasInterrupts(exit))
        assert.strictEqual((yield* connector.status).bufferedEvents, 1)
      }),
      layer
    )
  })

  it.effect("a reply that does not verify is a security failure: audited, not retried, not buffered", () => {
    const { layer, link, witness } = setup("unix-socket", (frame) => allowAll(frame, { forged: true }), {
      cellagent: { fail_mode: "closed", retry_backoff_ms: 1 }
    })
    return Effect.provide(
      Effect.gen(function*() {
        const { decision } = yield* timed("a")
        assert.deepInclude(decision, { action: "block", source: "fail_closed" })
        assert.strictEqual(link.sent.length, 1)
        assert.deepStrictEqual(witness.records, [{
          kind: "violation",
          body: { violation: "bad_signature", detail: "forged" }
        }])
        const status = yield* (yield* Connector).status
        assert.strictEqual(status.bufferedEvents, 0)
        assert.strictEqual(status.failures.BadSignature, 1)
      }),
      layer
    )
  })

  it.effect("sends observed events and outcomes in batches, and says what was lost", () => {
    const { layer, link } = setup("unix-socket", allowAll)
    const events = Array.from({ length: 300 }, (_, i) => makeEvent(`e${i}`))
    const reports = Array.from({ length: 130 }, (_, i) => ({
      eventId: `e${i}`,
      fn: "f",
      timestamp: 0,
      outcome: { kind: "success" as const, tag: "", durationMs: 1 }
    }))
    return Effect.provide(
      Effect.gen(function*() {
        const connector = yield* Connector
        const decisions = yield* connector.sendEvents(events)
        assert.deepStrictEqual(decisions.map((d) => d.eventId), events.map((e) => e.id))
        assert.deepStrictEqual(link.sent.map((f) => f.events?.length), [128, 128, 44])
        assert.isTrue(yield* connector.sendOutcomes(reports))
        assert.deepStrictEqual(yield* connector.sendEvents([]), [])
        link.set(partitioned)
        assert.isFalse(yield* connector.sendOutcomes(reports))
        const lost = yield* connector.sendEvents(events.slice(0, 2))
        assert.deepStrictEqual(lost.map((d) => [d.action, d.source]), [["allow", "observe"], ["allow", "observe"]])
        assert.match(lost[0]!.reason, /^Partition: /)
      }),
      layer
    )
  })

  it.effect("a batch whose signing throws is a defect of ours, and is not tried for ever", () => {
    const { layer, link } = setup("in-process", () => {
      throw new Error("planted")
    })
    return Effect.provide(
      Effect.gen(function*() {
        const connector = yield* Connector
        const decisions = yield* connector.sendEvents([makeEvent("a")])
        assert.match(decisions[0]!.reason, /^Defect: /)
        assert.strictEqual(link.sent.length, 1)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(link.sent.length, 1)
      }),
      layer
    )
  })
})
