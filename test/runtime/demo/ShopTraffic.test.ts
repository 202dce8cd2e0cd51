import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { attackKinds, load, type Pool } from "../../../src/runtime/demo/DemoData.ts"
import { callsIn, mixed, type ShopRequest, visitsOf, withAttacks } from "../../../src/runtime/demo/ShopTraffic.ts"

const values = (pool: Pool): ReadonlyArray<string> => Object.values(pool).flat()
const texts = ({ call }: ShopRequest): ReadonlyArray<string> =>
  Object.entries(call).flatMap(([key, value]) => key !== "operation" && typeof value === "string" ? [value] : [])

describe("the demo's data", () => {
  it.effect("keeps what is learned apart from what is tested, and has every kind of attack", () =>
    Effect.gen(function*() {
      const data = yield* load
      const learned = new Set(values(data.learn))
      assert.isAbove(learned.size, 7_000)
      assert.deepStrictEqual(values(data.test).filter((value) => learned.has(value)), [])
      assert.deepStrictEqual(data.attacks.filter(({ value }) => learned.has(value)), [])
      for (const kind of attackKinds) assert.isTrue(data.attacks.some((attack) => attack.kind === kind), kind)
    }))
})

describe("the demo's traffic", () => {
  it.effect("uses every value once and repeats for a seed", () =>
    Effect.gen(function*() {
      const { learn } = yield* load
      const visits = visitsOf(learn, "v", 1)
      const used = visits.flat().flatMap(texts)
      assert.strictEqual(new Set(used).size, used.length)
      assert.isAbove(callsIn(visits), 4_000)
      assert.deepStrictEqual(visitsOf(learn, "v", 1), visits)
      assert.notDeepEqual(visitsOf(learn, "v", 2), visits)
    }))

  it.effect("places every attack in one parameter of one call, evenly", () =>
    Effect.gen(function*() {
      const { attacks, test } = yield* load
      const visits = visitsOf(test, "v", 1)
      const hostile = withAttacks(visits, attacks, 1)
      const placed = hostile.flat().filter((request) => request.kind !== "norm")
      assert.deepStrictEqual(placed.map((request) => request.kind), attacks.map((attack) => attack.kind))
      placed.forEach((request, index) => assert.include(texts(request), attacks[index]?.value))
      assert.strictEqual(callsIn(hostile), callsIn(visits))
      const half = callsIn(hostile.slice(0, hostile.length / 2))
      const early = hostile.slice(0, hostile.length / 2).flat().filter((request) => request.kind !== "norm").length
      assert.closeTo(early, attacks.length * half / callsIn(hostile), 2)
    }))

  it("mixes two groups evenly, in the order of each", () => {
    const group = (name: string, size: number) =>
      Array.from({ length: size }, (_, n): ReadonlyArray<ShopRequest> => [
        { call: { operation: "profile", email: `${n}` }, session: name, kind: "norm" }
      ])
    const all = mixed(group("a", 4), group("b", 2)).flat().map(({ session }) => session)
    assert.deepStrictEqual(all.join(""), "abaaba")
  })
})
