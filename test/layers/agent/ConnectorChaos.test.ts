import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import * as InProcess from "../../../src/layers/link/InProcess.ts"
import * as ChaosLink from "../../../src/layers/testing/ChaosLink.ts"
import { BrainConnector } from "../../../src/services/BrainConnector.ts"
import { BrainCore } from "../../../src/services/BrainCore.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { PicMetrics } from "../../../src/services/PicMetrics.ts"
import { TraceStore } from "../../../src/services/TraceStore.ts"
import { makeEvent } from "../../support/Flow.ts"

const faults = {
  drop: 0.08,
  delay: 0.1,
  duplicate: 0.1,
  reorder: 0.08,
  corruptRequest: 0.05,
  corruptReply: 0.05,
  fail: 0.08
}
const steps = 500

/** The whole embedded system behind a link that fails like a network, 500 enforced calls, then a link that works. */
const run = (seed: number) => {
  const chaos = ChaosLink.make({ seed, ...faults, delayMsMax: 30, kind: "chaos" })
  const layer = PicTest.layerWith({
    seed,
    overrides: { BrainLink: chaos.layer.pipe(Layer.provide(InProcess.layer)) },
    settings: { cellagent: { retry_backoff_ms: 5 } }
  })
  const program = Effect.gen(function*() {
    const connector = yield* BrainConnector
    const clock = Effect.clockWith((c) => c.currentTimeMillis)
    const sources: Array<string> = []
    for (let i = 0; i < steps; i++) {
      const event = makeEvent(`e${i}`, `shop.f${i % 7}`, yield* clock)
      const from = yield* clock
      const fiber = yield* Effect.forkChild(connector.sendEvent(event, { enforced: true, failMode: "open" }), {
        startImmediately: true
      })
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(1)
      const decision = yield* Fiber.join(fiber)
      assert.isAtMost((yield* clock) - from, 51, `${event.id} waited beyond the deadline`)
      assert.strictEqual(decision.eventId, event.id, "a verdict on another event was taken")
      assert.include(["training", "fail_open"], decision.source)
      sources.push(decision.source)
      yield* TestClock.adjust(20)
    }
    chaos.set({})
    yield* TestClock.adjust("2 minutes")
    const status = yield* connector.status
    const trace = yield* (yield* TraceStore).recent(10_000)
    return {
      sources,
      fired: chaos.fired(),
      status,
      brain: yield* (yield* BrainCore).status,
      analysed: trace.map(({ event }) => event.id),
      stats: yield* (yield* PicMetrics).getStats,
      line: (yield* (yield* PicHealth).status).line
    }
  })
  return Effect.provide(program, layer)
}

describe("the connector behind a failing link", () => {
  const traces = new Map<number, ReadonlyArray<string>>()

  for (const [index, seed] of [1, 2, 3, 1].entries()) {
    it.effect(`answers every call in time, and delivers every event once, run ${index}, seed ${seed}`, () =>
      Effect.gen(function*() {
        const { analysed, brain, fired, line, sources, stats, status } = yield* run(seed)
        for (const fault of Object.keys(faults) as Array<keyof typeof faults>) assert.isAbove(fired[fault], 0, fault)
        assert.strictEqual(sources.length, steps)
        assert.deepStrictEqual(sources, traces.get(seed) ?? sources, "the same seed gave another run")
        traces.set(seed, sources)
        assert.include(sources, "training")
        assert.include(sources, "fail_open")
        assert.strictEqual(new Set(analysed).size, analysed.length, "an event was analysed twice")
        assert.strictEqual(brain.eventsAnalysed, analysed.length)
        assert.strictEqual(status.failures.Defect, 0)
        assert.strictEqual(status.bufferedEvents, 0)
        assert.strictEqual(status.breaker, "closed")
        assert.isAbove(stats.securityViolations, 0)
        assert.strictEqual(line, "ENFORCING 100 %")
        // Only what came back unverifiable is not sent again, and even of that most was analysed before.
        assert.isAtLeast(analysed.length, steps - status.failures.BadSignature - status.failures.Stale)
      }))
  }
})
