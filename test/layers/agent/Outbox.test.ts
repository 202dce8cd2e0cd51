import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
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
})
