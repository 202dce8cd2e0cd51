import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as FastCheck from "fast-check"
import { defaults } from "../../../src/domain/settings/Settings.ts"
import { decodeText, nearestKey, settingOfVariable, settings } from "../../../src/domain/settings/SettingKeys.ts"
import { collect, resolve, valueOf } from "../../../src/domain/settings/SettingsDecode.ts"
import { weakens } from "../../../src/domain/settings/Weakening.ts"

const nothing = { given: [], refused: [] }

describe("SettingKeys", () => {
  it("has a text for what every setting expects, and accepts its default", () => {
    for (const setting of settings.values()) {
      assert.isAbove(setting.expected.length, 3, setting.key)
      assert.isTrue(Result.isSuccess(setting.decode(valueOf(defaults, setting.key))), setting.key)
      assert.strictEqual(settingOfVariable(setting.variable), setting)
    }
  })

  it("refuses what is just outside of each range", () => {
    const outside: ReadonlyArray<readonly [string, unknown]> = [
      ["cellagent.throttle_threshold", 0],
      ["cellagent.throttle_threshold", 1.0000001],
      ["cellagent.sampling_rate", -0.0000001],
      ["cellagent.retry_attempts", 1.5],
      ["cellagent.retry_attempts", -1],
      ["cellagent.retry_attempts", 101],
      ["cellagent.brain_timeout_ms", 0],
      ["cellagent.brain_timeout_ms", 3_600_001],
      ["cellagent.global_rate_limit", Number.POSITIVE_INFINITY],
      ["cellagent.global_rate_limit", Number.NaN],
      ["cellagent.agent_id", ""],
      ["cellagent.agent_id", "a".repeat(65)],
      ["cellagent.agent_id", "a\u001b"],
      ["cellagent.burst", 0],
      ["cellagent.burst", "unlimited"],
      ["brain.false_positive_rate", 0],
      ["brain.false_positive_rate", 0.11],
      ["rollout.percent", 100.1],
      ["storage.directory", ""],
      ["storage.directory", "a\0b"],
      ["limits.cpu_cap", "on"]
    ]
    for (const [key, value] of outside) {
      assert.isTrue(Result.isFailure(settings.get(key)!.decode(value)), `${key} ${value}`)
    }
  })

  it("reads text as text, decimal or boolean, and as nothing else", () => {
    const decode = (key: string, text: string) => decodeText(settings.get(key)!, text)
    assert.deepStrictEqual(decode("cellagent.retry_attempts", " 5 "), Result.succeed(5))
    assert.deepStrictEqual(decode("cellagent.enabled", "True"), Result.succeed(true))
    for (const text of ["0x10", "1_000", "Infinity", "NaN", "5 5", ""]) {
      assert.isTrue(Result.isFailure(decode("cellagent.global_rate_limit", text)), text)
    }
    assert.isTrue(Result.isFailure(decode("cellagent.enabled", "1")))
  })

  it("finds the key that was meant", () => {
    assert.strictEqual(nearestKey("brain.quue_size"), "brain.queue_size")
    assert.strictEqual(nearestKey("failmode"), "cellagent.fail_mode")
    assert.strictEqual(nearestKey("cripto"), "crypto")
  })
})

describe("resolve", () => {
  const code = (input: unknown) =>
    resolve({ files: [], environment: nothing, code: collect(input, "code"), locked: [] })

  it("answers all settings or none, whatever it is given", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.jsonValue({ maxDepth: 3 }), (input) => {
        const resolved = code(input)
        return Result.isFailure(resolved)
          ? resolved.failure.length > 0
          : [...settings.values()].every((one) =>
            Result.isSuccess(one.decode(valueOf(resolved.success.settings, one.key)))
          )
      }),
      {
        numRuns: 300,
        examples: [[{ brain: { __proto__: null } }], [{ constructor: {} }], [{ cellagent: { toString: 1 } }]]
      }
    )
  })

  it("is not fooled by names of Object.prototype", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      const parsed: unknown = JSON.parse(`{"cellagent":{"${name}":1}}`)
      assert.isTrue(Result.isFailure(code(parsed)), name)
    }
  })
})

describe("weakens", () => {
  it("knows which way each setting weakens the protection", () => {
    assert.isTrue(weakens("cellagent.fail_mode", "closed", "open"))
    assert.isFalse(weakens("cellagent.fail_mode", "open", "closed"))
    assert.isTrue(weakens("rollout.percent", 100, 99.9))
    assert.isFalse(weakens("rollout.percent", 10, 100))
    assert.isTrue(weakens("brain.false_positive_rate", 0.001, 0.0001))
    assert.isTrue(weakens("crypto.rotation_days", 90, 91))
    assert.isTrue(weakens("rollout.mode", "enforce", "observe"))
    assert.isTrue(weakens("cellagent.over_limit", "score", "allow"))
  })

  it("takes every difference for a weakening where strength has no order", () => {
    assert.isTrue(weakens("storage.directory", ".pic", "/tmp"))
    assert.isTrue(weakens("brain.min_samples", 100, 50))
    assert.isTrue(weakens("brain.min_samples", 100, 200))
    assert.isFalse(weakens("brain.min_samples", 100, 100))
  })

  it("never says that a change and its opposite both keep the strength", () => {
    for (
      const [key, a, b] of [["rollout.percent", 1, 2], ["rollout.mode", "observe", "enforce"], [
        "brain.min_samples",
        1,
        2
      ]] as const
    ) {
      assert.isTrue(weakens(key, a, b) || weakens(key, b, a), key)
    }
  })
})
