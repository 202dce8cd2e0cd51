import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { type ChaosFault, chaosFaults, type ChaosOptions } from "../../../src/domain/ChaosPlan.ts"
import * as ChaosLink from "../../../src/layers/testing/ChaosLink.ts"
import { BrainLink } from "../../../src/services/BrainLink.ts"
import { allowAll, makeLink } from "../../support/Flow.ts"

const frameOf = (id: string) => new TextEncoder().encode(JSON.stringify({ nonce: Number(id), events: [id] }))

/** Sends numbered frames and answers, for each, what came back: its id, "garbled", "failed" or "nothing". */
const exchange = (options: ChaosOptions, count: number) => {
  const inner = makeLink("in-process", (frame) => allowAll(frame))
  const chaos = ChaosLink.make(options)
  const program = Effect.gen(function*() {
    const link = yield* BrainLink
    const results: Array<string> = []
    for (let i = 0; i < count; i++) {
      const fiber = yield* Effect.forkChild(Effect.exit(link.send(frameOf(String(i)))), { startImmediately: true })
      yield* TestClock.adjust(1000)
      const exit = fiber.pollUnsafe()
      if (exit === undefined || Exit.isFailure(exit)) results.push("nothing")
      else if (Exit.isFailure(exit.value)) results.push(Exit.hasDies(exit.value) ? "died" : "failed")
      else {
        const text = new TextDecoder().decode(exit.value.value)
        const id = /"eventId":"(\d+)"/.exec(text)?.[1]
        results.push(text === new TextDecoder().decode(allowAll(frameOf(id ?? "0"))) ? id! : "garbled")
      }
    }
    return { results, sent: inner.sent.length, fired: chaos.fired() }
  })
  return Effect.provide(program, chaos.layer.pipe(Layer.provide(inner.layer)))
}

describe("ChaosLink", () => {
  it.effect("without faults it is the link it wraps", () =>
    Effect.map(exchange({ seed: 1 }, 20), ({ fired, results }) => {
      assert.deepStrictEqual(results, Array.from({ length: 20 }, (_, i) => String(i)))
      assert.strictEqual(fired.none, 20)
    }))

  const expected: Record<ChaosFault, (results: ReadonlyArray<string>, sent: number) => boolean> = {
    drop: (results, sent) => results.every((r) => r === "nothing") && sent === 0,
    delay: (results) => results.every((r, i) => r === String(i)),
    duplicate: (results, sent) => results.every((r, i) => r === String(i)) && sent === 40,
    reorder: (results) => results.some((r, i) => r !== String(i)) && results.every((r) => /^\d+$/.test(r)),
    corruptRequest: (results) => results.some((r, i) => r !== String(i)),
    corruptReply: (results) => results.every((r) => r === "garbled"),
    fail: (results) => results.every((r) => r === "failed")
  }
  for (const fault of chaosFaults) {
    it.effect(`${fault} does what it says, every time it fires`, () =>
      Effect.map(exchange({ seed: 7, [fault]: 1 }, 20), ({ fired, results, sent }) => {
        assert.strictEqual(fired[fault], 20)
        assert.isTrue(expected[fault](results, sent), `${results.join(" ")} (${sent} sent)`)
      }))
  }

  it.effect("the same seed gives the same run, faults mixed", () =>
    Effect.gen(function*() {
      const options = { seed: 42, drop: 0.1, delay: 0.1, duplicate: 0.1, reorder: 0.1, corruptReply: 0.1, fail: 0.1 }
      const first = yield* exchange(options, 100)
      assert.deepStrictEqual(yield* exchange(options, 100), first)
      for (const fault of ["drop", "delay", "duplicate", "reorder", "corruptReply", "fail"] as const) {
        assert.isAbove(first.fired[fault], 0, fault)
      }
    }))
})
