import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as MonitorTest from "../../../src/layers/testing/MonitorTest.ts"
import * as Shop from "../../../src/runtime/demo/Shop.ts"
import { layer as clientLayer, ShopClient } from "../../../src/runtime/demo/ShopClient.ts"
import * as ShopServer from "../../../src/runtime/demo/ShopServer.ts"
import type { ShopCall } from "../../../src/runtime/demo/ShopTraffic.ts"
import type { Ending } from "../../../src/runtime/demo/Tally.ts"
import * as Stopwatch from "../../../src/runtime/demo/Stopwatch.ts"

const shop = <A, E>(monitor: Layer.Layer<A, E>) =>
  clientLayer.pipe(
    Layer.provideMerge(ShopServer.layer),
    Layer.provideMerge(Layer.mergeAll(Shop.layer, Stopwatch.layer)),
    Layer.provideMerge(Layer.merge(PicClock.layer, monitor))
  )

const calls: ReadonlyArray<ShopCall> = [
  { operation: "login", user: "ana", password: "s3cret" },
  { operation: "search", query: "lamp", page: 1 },
  { operation: "profile", email: "ana@example.org" },
  { operation: "order", customer: "12345678z", address: "calle mayor, 1", postal: "28013" },
  { operation: "transfer", from: "4823192107223935", to: "8789249856609623", cents: 250 }
]
const visits = [calls.map((call) => ({ call, session: "s", kind: "norm" as const }))]

const visit = Effect.gen(function*() {
  const client = yield* ShopClient
  const tally = yield* client.visit(visits, Infinity)
  const executed = yield* Shop.Shop.use((service) => service.executed)
  const lap = yield* Stopwatch.Stopwatch.use((stopwatch) => stopwatch.lap)
  return {
    endings: tally.answers.map((answer) => answer.ending),
    executed,
    laps: lap.length,
    ...(yield* client.totals)
  }
})

describe("the demo's shop over HTTP", () => {
  it.live("answers every operation and measures each call", () =>
    Effect.gen(function*() {
      const seen = yield* visit
      assert.deepStrictEqual(seen, {
        endings: calls.map((): Ending => "ran"),
        executed: 5,
        laps: 5,
        sent: 5,
        refusals: []
      })
    }).pipe(Effect.provide(shop(MonitorTest.layerAllowAll))))

  it.live("runs nothing that is blocked", () =>
    Effect.gen(function*() {
      const seen = yield* visit
      assert.deepStrictEqual(seen, {
        endings: calls.map((): Ending => "blocked"),
        executed: 0,
        laps: 0,
        sent: 5,
        refusals: [1, 2, 3, 4, 5].map((n) => `test-${n}`)
      })
    }).pipe(Effect.provide(shop(MonitorTest.layerBlockAll))))

  it.live("tells a missing verdict from a blocked call", () =>
    Effect.gen(function*() {
      const seen = yield* visit
      assert.deepStrictEqual(seen.endings, ["ran", "blocked", "ran", "unavailable", "ran"])
    }).pipe(Effect.provide(shop(MonitorTest.layerScripted({
      "shop.search": ["block"],
      "shop.order": [{ action: "block", source: "fail_closed" }]
    })))))
})
