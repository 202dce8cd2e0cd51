import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { weakeningSecondsDefault } from "../../../src/domain/OperatorProtocol.ts"
import { defaults } from "../../../src/domain/Settings.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as Config from "../../../src/layers/config/PicConfig.ts"
import * as Weakenings from "../../../src/runtime/operator/Weakenings.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { PicConfig } from "../../../src/services/PicConfig.ts"

const recorded: Array<unknown> = []
const configured = { rollout: { mode: "enforce", percent: 50 }, cellagent: { fail_mode: "closed" } } as const
const services = Layer.mergeAll(
  Config.layerSettings(configured),
  PicClock.layer,
  Layer.mock(AuditLogger)({
    recordUnsafe: (kind, body) => void recorded.push({ kind, ...body }),
    noteAllowUnsafe: () => {},
    noteLossUnsafe: () => {}
  })
)

const withConfigured = {
  ...defaults,
  rollout: configured.rollout,
  cellagent: { ...defaults.cellagent, ...configured.cellagent }
}
const rollout = (mode: "observe" | "enforce", percent: number) => ({ ...withConfigured, rollout: { mode, percent } })

describe("Weakenings", () => {
  it("measures mode and percentage as one share", () => {
    const weaker = (mode: "observe" | "enforce", percent: number) =>
      Weakenings.isWeaker("rollout", withConfigured, rollout(mode, percent))
    assert.deepStrictEqual(
      [
        weaker("enforce", 49.9),
        weaker("enforce", 50),
        weaker("enforce", 100),
        weaker("observe", 100),
        weaker("enforce", 0)
      ],
      [true, false, false, true, true]
    )
    assert.isFalse(Weakenings.isWeaker("rollout", defaults, { ...defaults, rollout: { mode: "enforce", percent: 10 } }))
  })

  it.effect("a weaker rollout returns to the configured one when its time is over, and not before", () =>
    Effect.gen(function*() {
      const config = yield* PicConfig
      const weakenings = yield* Weakenings.make
      const next = yield* config.change({ rollout: { mode: "observe", percent: 10 } })
      yield* weakenings.note("rollout", next, 60)
      assert.deepStrictEqual((yield* weakenings.list).map(({ returnsTo, what }) => [what, returnsTo]), [[
        "rollout",
        "enforce 50 %"
      ]])
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(config.settingsUnsafe().rollout.mode, "observe")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(config.settingsUnsafe().rollout, configured.rollout)
      assert.deepStrictEqual(yield* weakenings.list, [])
      assert.deepInclude(recorded, { kind: "operator", action: "return", what: "rollout", to: "enforce 50 %" })
    }).pipe(Effect.provide(services)))

  it.effect("a change back to the configured strength, or above, ends the weakening", () =>
    Effect.gen(function*() {
      const config = yield* PicConfig
      const weakenings = yield* Weakenings.make
      yield* weakenings.note("fail_mode", yield* config.change({ fail_mode: "open" }), weakeningSecondsDefault)
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 1 } }), weakeningSecondsDefault)
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 80 } }), weakeningSecondsDefault)
      assert.deepStrictEqual((yield* weakenings.list).map(({ what }) => what), ["fail_mode"])
      yield* TestClock.adjust(weakeningSecondsDefault * 1000)
      assert.strictEqual(config.settingsUnsafe().rollout.percent, 80)
      assert.strictEqual(config.settingsUnsafe().cellagent.fail_mode, "closed")
    }).pipe(Effect.provide(services)))

  it.effect("a later weakening counts from its own start", () =>
    Effect.gen(function*() {
      const config = yield* PicConfig
      const weakenings = yield* Weakenings.make
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 10 } }), 60)
      yield* TestClock.adjust("50 seconds")
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 5 } }), 60)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(config.settingsUnsafe().rollout.percent, 5)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(config.settingsUnsafe().rollout.percent, 50)
    }).pipe(Effect.provide(services)))
})
