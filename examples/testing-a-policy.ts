/**
 * Testing what your application does when a call is blocked: swap one layer, and no brain is involved.
 *
 * Run it with `npm run examples`; in your own project these are ordinary tests.
 */
import { Effect, Ref } from "effect"
import { Monitor } from "effect-pic"
import { MonitorTest } from "effect-pic/testing"
import * as assert from "node:assert/strict"
import { describe, it } from "node:test"

interface Shop {
  readonly shipped: Ref.Ref<ReadonlyArray<string>>
  readonly review: Ref.Ref<ReadonlyArray<string>>
}
const makeShop: Effect.Effect<Shop> = Effect.all({
  shipped: Ref.make<ReadonlyArray<string>>([]),
  review: Ref.make<ReadonlyArray<string>>([])
})

// The policy to test: an order that is blocked is not lost, it waits for a human; without a verdict the customer is
// asked to come back.
const makeOrder = (shop: Shop) => {
  const ship = Monitor.wrap("orders.ship", (order: string) => Ref.update(shop.shipped, (all) => [...all, order]))
  return (order: string) =>
    ship(order).pipe(
      Effect.as("shipped"),
      Effect.catchReason(
        "CallBlocked",
        "FailedClosed",
        () => Effect.succeed("try again later"),
        () => Effect.as(Ref.update(shop.review, (all) => [...all, order]), "in review")
      )
    )
}

const outcome = (orders: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const shop = yield* makeShop
    const answers = yield* Effect.forEach(orders, makeOrder(shop))
    return { answers, shipped: yield* Ref.get(shop.shipped), review: yield* Ref.get(shop.review) }
  })

describe("orders", () => {
  it("ships what is allowed", async () => {
    const seen = await Effect.runPromise(outcome(["a", "b"]).pipe(Effect.provide(MonitorTest.layerAllowAll)))
    assert.deepEqual(seen, { answers: ["shipped", "shipped"], shipped: ["a", "b"], review: [] })
  })

  it("keeps what is blocked for review", async () => {
    const seen = await Effect.runPromise(outcome(["a"]).pipe(Effect.provide(MonitorTest.layerBlockAll)))
    assert.deepEqual(seen, { answers: ["in review"], shipped: [], review: ["a"] })
  })

  it("tells an attack from an outage", async () => {
    const script = MonitorTest.layerScripted({
      "orders.ship": ["allow", "block", { action: "block", source: "fail_closed" }]
    })
    const seen = await Effect.runPromise(outcome(["a", "b", "c"]).pipe(Effect.provide(script)))
    assert.deepEqual(seen, { answers: ["shipped", "in review", "try again later"], shipped: ["a"], review: ["b"] })
  })
})
