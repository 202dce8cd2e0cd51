import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Outbox from "../../../src/layers/agent/Outbox.ts"

const make = Effect.fnUntraced(function*(capacity: number, batchSize: number) {
  const sent: Array<ReadonlyArray<number>> = []
  const box = yield* Outbox.make<number>({
    capacity,
    batchSize,
    send: (batch) => Effect.sync(() => void sent.push(batch))
  })
  yield* Effect.yieldNow
  return { box, sent }
})

describe("Outbox", () => {
  it.effect("sends what waited for the linger time as one batch", () =>
    Effect.gen(function*() {
      const { box, sent } = yield* make(100, 10)
      box.offerUnsafe(1)
      yield* TestClock.adjust(Outbox.lingerMs - 1)
      box.offerUnsafe(2)
      assert.deepStrictEqual(sent, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(sent, [[1, 2]])
      box.offerUnsafe(3)
      yield* TestClock.adjust(Outbox.lingerMs)
      assert.deepStrictEqual(sent, [[1, 2], [3]])
    }))

  it.effect("a full batch does not wait for the linger time", () =>
    Effect.gen(function*() {
      const { box, sent } = yield* make(100, 3)
      for (let i = 0; i < 7; i++) box.offerUnsafe(i)
      yield* TestClock.adjust(0)
      for (let i = 0; i < 10; i++) yield* Effect.yieldNow
      assert.deepStrictEqual(sent, [[0, 1, 2], [3, 4, 5], [6]])
    }))

  it.effect("is bounded: what does not fit is refused, and nothing accepted is lost", () =>
    Effect.gen(function*() {
      const { box, sent } = yield* make(5, 2)
      const accepted = Array.from({ length: 9 }, (_, i) => i).filter((i) => box.offerUnsafe(i))
      assert.deepStrictEqual(accepted, [0, 1, 2, 3, 4])
      yield* box.flush
      assert.deepStrictEqual(sent.flat(), accepted)
      assert.strictEqual(box.sizeUnsafe(), 0)
    }))

  it.effect("flush waits for the batch that the outbox itself has in hand", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const sent: Array<number> = []
      const box = yield* Outbox.make<number>({
        capacity: 10,
        batchSize: 2,
        send: (batch) => Effect.andThen(Deferred.await(gate), Effect.sync(() => void sent.push(...batch)))
      })
      box.offerUnsafe(1)
      yield* TestClock.adjust(Outbox.lingerMs)
      assert.strictEqual(box.sizeUnsafe(), 0, "the batch is in hand")
      const flushing = yield* Effect.forkChild(box.flush, { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(flushing.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(flushing)
      assert.deepStrictEqual(sent, [1])
    }))

  it.effect("a batch whose sending dies is reported, and the next one goes out", () =>
    Effect.gen(function*() {
      const sent: Array<number> = []
      const lost: Array<readonly [ReadonlyArray<number>, string]> = []
      const box = yield* Outbox.make<number>({
        capacity: 10,
        batchSize: 10,
        send: (batch) => {
          if (batch.includes(1)) throw new Error("broken")
          return Effect.sync(() => void sent.push(...batch))
        },
        lost: (items, why) => void lost.push([items, why._tag])
      })
      for (const item of [1, 2]) {
        box.offerUnsafe(item)
        yield* TestClock.adjust(Outbox.lingerMs)
      }
      assert.deepStrictEqual(lost, [[[1], "Defect"]])
      assert.deepStrictEqual(sent, [2])
    }))

  it.effect("what the end of the scope leaves unsent is reported, in hand or waiting", () =>
    Effect.gen(function*() {
      const lost: Array<number> = []
      const scope = yield* Scope.make()
      const box = yield* Scope.provide(
        Outbox.make<number>({
          capacity: 10,
          batchSize: 2,
          send: () => Effect.never,
          lost: (items, { _tag }) => void (_tag === "Ended" && lost.push(...items))
        }),
        scope
      )
      for (const item of [1, 2, 3]) box.offerUnsafe(item)
      yield* TestClock.adjust(Outbox.lingerMs)
      box.offerUnsafe(4)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(lost.toSorted(), [1, 2, 3, 4])
    }))
})
