import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { type TraceEntry, TraceStore } from "../../src/services/TraceStore.ts"

/** An entry that can be told from others by its number. */
export const traceEntry = (n: number, block = false): TraceEntry => ({
  event: {
    id: `event-${n}`,
    agentId: "agent",
    fn: "shop.search",
    session: "",
    subjectHash: "",
    timestamp: n,
    priority: "normal",
    samplingProbability: 1,
    features: {
      arity: 1,
      arguments: [{
        path: "0",
        type: "string",
        size: 3,
        shape: "a'0",
        mask: 1,
        value: 2,
        magnitude: 0,
        grams: [1, 65_535]
      }],
      truncated: false
    }
  },
  decision: {
    id: `decision-${n}`,
    eventId: `event-${n}`,
    action: block ? "block" : "allow",
    source: "brain",
    reason: "é\"\n",
    confidence: 1,
    pValue: 0.5,
    findings: [],
    wouldBlock: false
  }
})

/** What every ring of recent events must do. The layer brings an empty one each time it is built. */
export const suite = <E>(name: string, layer: Layer.Layer<TraceStore, E>) =>
  describe(`TraceStore (${name})`, () => {
    const fresh = { local: true } as const

    it.live("gives the newest entries, oldest first, exactly as they were", () =>
      Effect.gen(function*() {
        const store = yield* TraceStore
        assert.deepStrictEqual(yield* store.recent(10), [])
        for (let n = 1; n <= 5; n++) store.appendUnsafe(traceEntry(n))
        assert.deepStrictEqual(yield* store.recent(3), [traceEntry(3), traceEntry(4), traceEntry(5)])
        assert.deepStrictEqual((yield* store.recent(100)).length, 5)
        assert.deepStrictEqual(yield* store.recent(0), [])
      }).pipe(Effect.provide(layer, fresh)))

    it.live("finds an entry by its decision", () =>
      Effect.gen(function*() {
        const store = yield* TraceStore
        for (let n = 1; n <= 5; n++) store.appendUnsafe(traceEntry(n))
        assert.deepStrictEqual(yield* store.findDecision("decision-2"), traceEntry(2))
        assert.isUndefined(yield* store.findDecision("decision-9"))
      }).pipe(Effect.provide(layer, fresh)))

    it.live("stays bounded and keeps the newest", () =>
      Effect.gen(function*() {
        const store = yield* TraceStore
        for (let round = 0; round < 5; round++) {
          for (let n = 0; n < 1_000; n++) store.appendUnsafe(traceEntry(round * 1_000 + n, n % 100 === 0))
          yield* store.recent(1)
        }
        const all = yield* store.recent(1_000_000)
        assert.isAtMost(all.length, 10_000)
        assert.deepStrictEqual(yield* store.findDecision("decision-4900"), traceEntry(4_900, true))
      }).pipe(Effect.provide(layer, fresh)))
  })
