import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import type { Priority } from "../../../src/domain/TelemetryEvent.ts"
import * as BackpressureController from "../../../src/layers/brain/BackpressureController.ts"
import * as EventQueue from "../../../src/layers/brain/EventQueue.ts"
import { BackpressureController as Controller } from "../../../src/services/BackpressureController.ts"
import { EventQueue as Queue, type QueueItem } from "../../../src/services/EventQueue.ts"
import { PicMetrics } from "../../../src/services/PicMetrics.ts"
import { makeConfig, makeEvent, observability } from "../../support/Flow.ts"

const setup = (settings: SettingsInput) =>
  BackpressureController.layer.pipe(
    Layer.provideMerge(EventQueue.layer),
    Layer.provideMerge(observability),
    Layer.provide(makeConfig(settings).layer)
  )

const dropped: Array<string> = []
const item = (id: string, priority: Priority = "normal", onDrop = () => void dropped.push(id)): QueueItem => ({
  event: makeEvent(id),
  bytes: 10,
  priority,
  dropped: onDrop
})

describe("EventQueue", () => {
  it.effect("hands out in order, suspends while empty, and serves every waiting worker", () =>
    Effect.provide(
      Effect.gen(function*() {
        const queue = yield* Queue
        const workers = yield* Effect.forEach([0, 1, 2], () =>
          Effect.forkChild(queue.dequeue, { startImmediately: true }))
        yield* Fiber.interrupt(workers[0]!)
        for (const id of ["a", "b", "c"]) {
          assert.isTrue(queue.enqueueUnsafe(item(id)))
        }
        const got = [(yield* Fiber.join(workers[1]!)).event.id, (yield* Fiber.join(workers[2]!)).event.id]
        assert.sameMembers(got, ["a", "b"], "an interrupted worker takes nothing with it")
        assert.strictEqual((yield* queue.dequeue).event.id, "c")
        assert.isUndefined(queue.dequeueUnsafe())
      }),
      setup({})
    ))

  it.effect("answers whoever waits for a dropped event, and survives an answer that throws", () =>
    Effect.provide(
      Effect.gen(function*() {
        const queue = yield* Queue
        dropped.length = 0
        yield* queue.enqueue(item("throws", "low", () => {
          throw new Error("planted")
        }))
        yield* queue.enqueue(item("a", "high"))
        yield* queue.enqueue(item("b", "normal"))
        yield* queue.enqueue(item("c", "low"))
        assert.deepStrictEqual(dropped, ["c"], "a newcomer of low priority does not push out what matters more")
        assert.deepInclude(yield* queue.status, { size: 2, bytes: 20, utilization: 1, dropped: 2 })
      }),
      setup({ brain: { queue_size: 2, drop_policy: "lowest_priority" } })
    ))

  it.effect("asks for backpressure from the threshold on, by count or bytes", () =>
    Effect.provide(
      Effect.gen(function*() {
        const queue = yield* Queue
        const answers = ["a", "b", "c"].map((id) => queue.enqueueUnsafe(item(id)))
        assert.deepStrictEqual(answers, [true, true, false])
        assert.isTrue(queue.shouldApplyBackpressureUnsafe())
      }),
      setup({ brain: { queue_bytes: 36 } })
    ))

  it.effect("answers everything that waits when it is closed", () => {
    dropped.length = 0
    return Effect.gen(function*() {
      yield* Effect.provide(Effect.flatMap(Queue, (queue) => queue.enqueue(item("left"))), setup({}))
      assert.deepStrictEqual(dropped, ["left"])
    })
  })
})

describe("BackpressureController", () => {
  it.effect("signals with hysteresis and counts activations", () =>
    Effect.provide(
      Effect.gen(function*() {
        const queue = yield* Queue
        const controller = yield* Controller
        assert.deepInclude(yield* controller.checkAndSignal, { active: false, recommendedRate: 1, queueUtilization: 0 })
        for (let i = 0; i < 9; i++) queue.enqueueUnsafe(item(`${i}`))
        const full = yield* controller.checkAndSignal
        assert.isTrue(full.active)
        assert.isBelow(yield* controller.getRecommendedRate, 0.3)
        assert.match(full.reason, /^the event queue is \d+ % full$/)
        for (let i = 0; i < 2; i++) queue.dequeueUnsafe()
        assert.isTrue(controller.checkAndSignalUnsafe().active, "still above the clearing level")
        for (let i = 0; i < 2; i++) queue.dequeueUnsafe()
        assert.isFalse(controller.checkAndSignalUnsafe().active)
        assert.strictEqual(yield* controller.activations, 1)
        const stats = yield* (yield* PicMetrics).getStats
        assert.strictEqual(stats.backpressureActivations, 1)
        assert.strictEqual(stats.queueUtilization, 0.5)
      }),
      setup({ brain: { queue_size: 10 } })
    ))
})
