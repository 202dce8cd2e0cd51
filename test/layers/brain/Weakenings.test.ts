import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { weakeningSecondsDefault, weakeningSecondsMax } from "../../../src/domain/operate/OperatorProtocol.ts"
import * as RunningChange from "../../../src/domain/settings/RunningChange.ts"
import type { SettingKey } from "../../../src/domain/settings/SettingKeys.ts"
import { defaults, type SettingsInput } from "../../../src/domain/settings/Settings.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as Weakening from "../../../src/layers/brain/Weakenings.ts"
import * as Config from "../../../src/layers/config/PicConfig.ts"
import * as StateStoreLayer from "../../../src/layers/store/StateStore.ts"
import { Alerts } from "../../../src/services/Alerts.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { PicConfig } from "../../../src/services/PicConfig.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { StateStore } from "../../../src/services/StateStore.ts"
import { Weakenings } from "../../../src/services/Weakenings.ts"

const configured = { rollout: { mode: "enforce", percent: 50 }, cellagent: { fail_mode: "closed" } } as const
const withConfigured = {
  ...defaults,
  rollout: configured.rollout,
  cellagent: { ...defaults.cellagent, ...configured.cellagent }
}
const rollout = (mode: "observe" | "enforce", percent: number) => ({ ...withConfigured, rollout: { mode, percent } })

interface Seen {
  readonly recorded: Array<Readonly<Record<string, unknown>>>
  readonly alerts: Array<string>
  readonly conditions: Map<string, string>
}

/** One life of a process over a state store that outlives it. */
const life = Effect.fnUntraced(function*(
  store: StateStore["Service"],
  settings: SettingsInput = configured,
  locked: ReadonlyArray<SettingKey> = []
) {
  const seen: Seen = { recorded: [], alerts: [], conditions: new Map() }
  const scope = yield* Scope.make()
  const layer = Weakening.layer.pipe(Layer.provideMerge(Layer.mergeAll(
    Config.layerSettings(settings, locked),
    PicClock.layer,
    Layer.succeed(StateStore, store),
    Layer.mock(AuditLogger)({
      recordUnsafe: (kind, body) => void seen.recorded.push({ kind, ...body }),
      noteAllowUnsafe: () => {},
      noteLossUnsafe: () => {}
    }),
    Layer.mock(Alerts)({ raiseUnsafe: (kind) => void seen.alerts.push(kind) }),
    Layer.mock(PicHealth)({
      reportUnsafe: (name, _severity, reason) => void seen.conditions.set(name, reason),
      clearUnsafe: (name) => void seen.conditions.delete(name)
    })
  )))
  const services = yield* Layer.buildWithScope(layer, scope)
  return {
    ...seen,
    config: Context.get(services, PicConfig),
    weakenings: Context.get(services, Weakenings),
    end: Scope.close(scope, { _tag: "Success" } as never)
  }
})

const freshStore = Effect.map(Layer.build(StateStoreLayer.layerMemory), (services) => Context.get(services, StateStore))
const ticks = Effect.forEach(Array.from({ length: 5 }), () => Effect.yieldNow, { discard: true })

describe("Weakenings", () => {
  it("measures mode and percentage as one share", () => {
    const weaker = (mode: "observe" | "enforce", percent: number) =>
      RunningChange.isWeaker("rollout", withConfigured, rollout(mode, percent))
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
    assert.isFalse(
      RunningChange.isWeaker("rollout", defaults, { ...defaults, rollout: { mode: "enforce", percent: 10 } })
    )
  })

  it.effect("a weaker rollout returns to the configured one when its time is over, and not before", () =>
    Effect.gen(function*() {
      const { config, recorded, weakenings } = yield* life(yield* freshStore)
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
      assert.strictEqual((yield* config.origins).get("rollout.mode"), "code")
    }))

  it.effect("a change back to the configured strength, or above, ends the weakening", () =>
    Effect.gen(function*() {
      const { config, weakenings } = yield* life(yield* freshStore)
      yield* weakenings.note("fail_mode", yield* config.change({ fail_mode: "open" }), weakeningSecondsDefault)
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 1 } }), weakeningSecondsDefault)
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 80 } }), weakeningSecondsDefault)
      assert.deepStrictEqual((yield* weakenings.list).map(({ what }) => what), ["fail_mode"])
      yield* TestClock.adjust(weakeningSecondsDefault * 1000)
      assert.strictEqual(config.settingsUnsafe().rollout.percent, 80)
      assert.strictEqual(config.settingsUnsafe().cellagent.fail_mode, "closed")
    }))

  it.effect("a later weakening counts from its own start", () =>
    Effect.gen(function*() {
      const { config, weakenings } = yield* life(yield* freshStore)
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 10 } }), 60)
      yield* TestClock.adjust("50 seconds")
      yield* weakenings.note("rollout", yield* config.change({ rollout: { percent: 5 } }), 60)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(config.settingsUnsafe().rollout.percent, 5)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(config.settingsUnsafe().rollout.percent, 50)
    }))
})

describe("running changes over a restart", () => {
  it.effect("a weakening goes on with the time that it had left, and says where it came from", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const first = yield* life(store)
      yield* first.weakenings.note("rollout", yield* first.config.change({ rollout: { percent: 10 } }), 3_600)
      yield* TestClock.adjust("20 minutes")
      yield* first.end
      yield* TestClock.adjust("10 minutes")
      const second = yield* life(store)
      assert.strictEqual(second.config.settingsUnsafe().rollout.percent, 10)
      assert.match(
        (yield* second.config.origins).get("rollout.percent") ?? "",
        /^runtime, restored, until 1970-01-01T01:00/
      )
      assert.strictEqual((yield* second.config.origins).get("rollout.mode"), "code")
      assert.deepInclude(second.recorded[0], { kind: "operator", action: "restore", to: "enforce 10 %" })
      yield* TestClock.adjust("29 minutes")
      assert.strictEqual(second.config.settingsUnsafe().rollout.percent, 10)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(second.config.settingsUnsafe().rollout.percent, 50)
    }))

  it.effect("a crash right after a change loses nothing: it was saved before the operator heard of it", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const crashed = yield* life(store)
      yield* crashed.weakenings.note("rollout", yield* crashed.config.change({ rollout: { percent: 100 } }), 1)
      const second = yield* life(store)
      assert.strictEqual(second.config.settingsUnsafe().rollout.percent, 100)
      assert.strictEqual((yield* second.config.origins).get("rollout.percent"), "runtime, restored")
      yield* TestClock.adjust("3 days")
      assert.strictEqual(second.config.settingsUnsafe().rollout.percent, 100)
    }))

  it.effect("a weakening whose time ran out while nothing ran is not restored", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const first = yield* life(store)
      yield* first.weakenings.note("fail_mode", yield* first.config.change({ fail_mode: "open" }), 60)
      yield* first.end
      yield* TestClock.adjust("60 seconds")
      const second = yield* life(store)
      assert.strictEqual(second.config.settingsUnsafe().cellagent.fail_mode, "closed")
      assert.deepInclude(second.recorded[0], { action: "not restored", what: "fail_mode", why: "its time is over" })
    }))

  it.effect("what code changed survives too, a weakening for a day at most", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const first = yield* life(store)
      yield* first.config.change({ fail_mode: "open" })
      yield* ticks
      yield* TestClock.adjust("1 hour")
      yield* first.end
      const second = yield* life(store)
      assert.strictEqual(second.config.settingsUnsafe().cellagent.fail_mode, "open")
      yield* TestClock.adjust((weakeningSecondsMax - 3_600) * 1000)
      assert.strictEqual(second.config.settingsUnsafe().cellagent.fail_mode, "closed")
    }))

  it.effect("a configuration that was changed since wins, and so does a lock", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const first = yield* life(store)
      yield* first.weakenings.note("rollout", yield* first.config.change({ rollout: { percent: 10 } }), 3_600)
      yield* first.weakenings.note("fail_mode", yield* first.config.change({ fail_mode: "open" }), 3_600)
      const second = yield* life(store, { ...configured, rollout: { mode: "enforce", percent: 100 } }, [
        "cellagent.fail_mode"
      ])
      assert.strictEqual(second.config.settingsUnsafe().rollout.percent, 100)
      assert.strictEqual(second.config.settingsUnsafe().cellagent.fail_mode, "closed")
      assert.deepStrictEqual(second.recorded.map(({ action, what }) => [action, what]), [
        ["not restored", "fail_mode"],
        ["not restored", "rollout"]
      ])
    }))

  for (
    const [what, store] of [
      ["a MAC that does not verify", {
        save: () => Effect.void,
        load: () => Effect.succeed({ _tag: "Refused" as const, detail: "the MAC of rollout does not verify" })
      }],
      ["bytes of another format", {
        save: () => Effect.void,
        load: () => Effect.succeed({ _tag: "Found" as const, bytes: new Uint8Array([1, 2, 3]) })
      }]
    ] as const
  ) {
    it.effect(`${what}: configuration as in the files, with an alert and degraded health`, () =>
      Effect.gen(function*() {
        const { alerts, conditions, config } = yield* life(StateStore.of(store))
        assert.deepStrictEqual(config.settingsUnsafe().rollout, configured.rollout)
        assert.deepStrictEqual(alerts, ["state_refused"])
        assert.include(conditions.get("rollout") ?? "", "rollout and fail mode are as configured")
      }))
  }

  it("a forged clock gives a weakening no more time than it could have been given", () => {
    const stored = RunningChange.between(withConfigured, rollout("observe", 1), () => Number.MAX_SAFE_INTEGER)
    const found = RunningChange.restorable("rollout", stored, withConfigured, 0)
    assert.strictEqual(found?._tag === "Success" ? found.success.seconds : undefined, weakeningSecondsMax)
    const untimed = RunningChange.between(withConfigured, rollout("observe", 1), () => undefined)
    assert.strictEqual(RunningChange.restorable("rollout", untimed, withConfigured, 0)?._tag, "Failure")
  })
})
