import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Stream } from "effect"
import type { Settings } from "../../src/domain/settings/Settings.ts"
import { settings as known } from "../../src/domain/settings/SettingKeys.ts"
import { valueOf } from "../../src/domain/settings/SettingsDecode.ts"
import { PicConfig, type PicConfigError } from "../../src/services/PicConfig.ts"

/** What every PicConfig layer owes; `layer` starts with the defaults and locks nothing. */
export const suite = (name: string, layer: Layer.Layer<PicConfig, PicConfigError>): void => {
  describe(`PicConfig (${name})`, () => {
    const test = (
      title: string,
      body: (config: PicConfig["Service"]) => Effect.Effect<void, PicConfigError | Settings>
    ) => it.effect(title, () => Effect.flatMap(PicConfig, body).pipe(Effect.provide(layer)))

    test("has a valid value and an origin for every setting", (config) =>
      Effect.gen(function*() {
        const origins = yield* config.origins
        for (const { decode, key } of known.values()) {
          assert.strictEqual(decode(valueOf(config.settingsUnsafe(), key))._tag, "Success", key)
          assert.isString(origins.get(key), key)
        }
        assert.strictEqual(yield* config.settings, config.settingsUnsafe())
      }))

    test("answers with the settings after a change, which are in force at once", (config) =>
      Effect.gen(function*() {
        const before = config.settingsUnsafe()
        const after = yield* config.change({ fail_mode: "closed", sampling_rate: 0.5, rollout: { percent: 7 } })
        assert.strictEqual(config.settingsUnsafe(), after)
        assert.deepInclude(after.cellagent, { fail_mode: "closed", sampling_rate: 0.5 })
        assert.deepStrictEqual(after.rollout, { mode: before.rollout.mode, percent: 7 })
        assert.strictEqual(before.cellagent.fail_mode, "open", "settings that were read before stay as they were")
      }))

    test("changes all or nothing", (config) =>
      Effect.gen(function*() {
        const before = config.settingsUnsafe()
        for (
          const change of [
            { fail_mode: "closed", global_rate_limit: 0 },
            { fail_mode: "closed", rollout: { percent: -1 } },
            { sampling_rate: Number.NaN }
          ] as const
        ) {
          const error = yield* Effect.flip(config.change(change))
          assert.strictEqual(error.reason._tag, "InvalidSetting")
          assert.strictEqual(config.settingsUnsafe(), before)
        }
      }))

    test("publishes every change to every subscriber", (config) =>
      Effect.gen(function*() {
        const subscribe = Effect.forkChild(Stream.runCollect(Stream.take(config.changes, 2)), {
          startImmediately: true
        })
        const readers = [yield* subscribe, yield* subscribe]
        yield* Effect.yieldNow
        yield* config.change({ rollout: { percent: 1 } })
        yield* config.change({ rollout: { percent: 2 } })
        for (const reader of readers) {
          const seen: ReadonlyArray<Settings> = yield* Fiber.join(reader)
          assert.deepStrictEqual(seen.map((settings) => settings.rollout.percent), [1, 2])
        }
      }))

    test("names the value, the key and what was expected", (config) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(config.change({ per_function_limit: -5 }))
        assert.strictEqual(
          error.message,
          "running change: cellagent.per_function_limit is -5, expected a number above 0"
        )
      }))
  })
}
