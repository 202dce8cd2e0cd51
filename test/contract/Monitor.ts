import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Stream } from "effect"
import { CallBlocked, Monitor } from "effect-pic"
import type { CallSite } from "../../src/services/CellAgent.ts"
import { Monitor as MonitorService } from "../../src/services/Monitor.ts"

const site: CallSite = {
  fn: "contract",
  arity: 1,
  priority: "normal",
  failMode: undefined,
  redact: undefined,
  subject: undefined
}

/** What every Monitor owes to wrapped functions; `action` is its verdict on every call. */
export const suite = (
  name: string,
  layer: Layer.Layer<MonitorService, unknown>,
  action: "allow" | "block"
) =>
  describe(`Monitor (${name})`, () => {
    const makeApplication = () => {
      const ran = { count: 0 }
      const f = Monitor.wrap("contract", (n: number) => Effect.sync(() => (ran.count++, n)))
      return { f, ran }
    }

    it.effect("is enabled, and its verdict decides whether the function starts", () =>
      Effect.gen(function*() {
        const { f, ran } = makeApplication()
        assert.isTrue((yield* MonitorService).enabledUnsafe())
        for (let n = 0; n < 5; n++) {
          const result = yield* Effect.result(f(n))
          if (action === "allow") assert.strictEqual(result._tag === "Success" ? result.success : -1, n)
          else {
            const error = result._tag === "Failure" ? result.failure : undefined
            assert.isTrue(error instanceof CallBlocked)
            assert.deepInclude(error, { fn: "contract" })
            assert.notStrictEqual(error?.decisionId, "")
          }
        }
        assert.strictEqual(ran.count, action === "allow" ? 5 : 0)
      }).pipe(Effect.provide(layer)))

    it.effect("gives every call a decision of its own, also to those that cannot wait", () =>
      Effect.gen(function*() {
        const monitor = yield* MonitorService
        const ids = new Set<string>()
        for (let n = 0; n < 4; n++) {
          const judged = monitor.judgeUnsafe(site, [n], "")
          ids.add((Effect.isEffect(judged) ? yield* judged : judged).decision.id)
          const now = monitor.judgeNowUnsafe(site, [n], "")
          assert.strictEqual(now.decision.action, action)
          ids.add(now.decision.id)
        }
        assert.strictEqual(ids.size, 8)
      }).pipe(Effect.provide(layer)))

    it.effect("takes every report of an outcome, once, again or with a foreign receipt, without a word", () =>
      Effect.gen(function*() {
        const monitor = yield* MonitorService
        const judged = monitor.judgeNowUnsafe(site, [1], "")
        for (const receipt of [judged, judged, { ...judged, eventId: "" }, { ...judged, eventId: "nobody's" }]) {
          for (const kind of ["success", "failure", "defect", "interrupted"] as const) {
            monitor.reportUnsafe(site, receipt, kind, "Tag")
          }
        }
      }).pipe(Effect.provide(layer)))

    it.effect("streams its decisions in order, with the function", () =>
      Effect.gen(function*() {
        const { f } = makeApplication()
        const reading = yield* Effect.forkChild(Stream.runCollect(Stream.take(Monitor.decisions, 3)))
        yield* Effect.yieldNow
        const seen: Array<string> = []
        for (let n = 0; n < 3; n++) {
          const error = yield* Effect.match(f(n), { onFailure: (e) => e, onSuccess: () => undefined })
          if (error !== undefined) seen.push(error.decisionId)
        }
        const records = yield* Fiber.join(reading)
        assert.deepStrictEqual(records.map(({ fn }) => fn), ["contract", "contract", "contract"])
        for (const { decision } of records) assert.strictEqual(decision.action, action)
        if (action === "block") assert.deepStrictEqual(records.map(({ decision }) => decision.id), seen)
      }).pipe(Effect.provide(layer)))
  })
