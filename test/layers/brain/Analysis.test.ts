import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as PicTest from "../../../src/layers/testing/PicTest.ts"
import { Alerts } from "../../../src/services/Alerts.ts"
import { hostile, makeLogin, ordinary, train } from "../../support/Trained.ts"

/** What was said to operators while every `every`-th of 600 calls was an attack. */
const reviews = (every: number) =>
  Effect.gen(function*() {
    const { login } = makeLogin()
    yield* train(login)
    const said: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach((yield* Alerts).stream, ({ kind, message }) =>
        Effect.sync(() => {
          if (kind === "review") said.push(message)
        })),
      { startImmediately: true }
    )
    for (let i = 0; i < 600; i++) yield* Effect.ignore(login(...(i % every === 0 ? hostile : ordinary(i))))
    yield* Effect.yieldNow
    return said
  }).pipe(Effect.provide(Layer.fresh(PicTest.layer)), Effect.scoped)

describe("Analysis", () => {
  it.effect("tells operators once that far more calls of a function look anomalous than the budget allows", () =>
    Effect.gen(function*() {
      const said = yield* reviews(3)
      assert.lengthOf(said, 1)
      assert.match(said[0] ?? "", /% of the recent calls of login look anomalous: .*pic relearn/)
      assert.deepStrictEqual(yield* reviews(50), [])
    }))
})
