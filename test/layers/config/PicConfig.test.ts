import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer, Stream } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { defaults } from "../../../src/domain/settings/Settings.ts"
import { fileBytesMax } from "../../../src/layers/config/ConfigFiles.ts"
import * as Config from "../../../src/layers/config/PicConfig.ts"
import { PicConfig } from "../../../src/services/PicConfig.ts"
import { suite } from "../../contract/PicConfig.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-config-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

const withFiles = (files: Readonly<Record<string, string | Uint8Array>>) =>
  Effect.map(temporary, (directory) => {
    for (const [name, content] of Object.entries(files)) Fs.writeFileSync(Path.join(directory, name), content)
    return directory
  })

const environment = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

const settingsWith = (options: Config.ConfigOptions, env: Record<string, string> = {}) =>
  Effect.flatMap(PicConfig, (config) => Effect.all({ settings: config.settings, origins: config.origins })).pipe(
    Effect.provide(Config.layer(options).pipe(Layer.provide(environment(env))))
  )

const refusal = (options: Config.ConfigOptions, env: Record<string, string> = {}) =>
  Effect.map(Effect.flip(settingsWith(options, env)), (error) => error)

const refusedFile = (content: string | Uint8Array) =>
  Effect.gen(function*() {
    const directory = yield* withFiles({ "pic.yaml": content })
    const path = Path.join(directory, "pic.yaml")
    const error = yield* refusal({ files: [path] })
    return error.message.replace(path, "pic.yaml")
  })

suite("layer", Config.layer({ files: [] }).pipe(Layer.provide(environment({}))))
suite("layerSettings", Config.layerSettings())

describe("PicConfig", () => {
  it.effect("has the defaults of the specification where nothing is given", () =>
    Effect.gen(function*() {
      const { origins, settings } = yield* settingsWith({ files: [] })
      assert.deepStrictEqual(settings, defaults)
      assert.deepStrictEqual(new Set(origins.values()), new Set(["default"]))
    }))

  it.effect("lays environment over files and code over both, and tells where each value came from", () =>
    Effect.gen(function*() {
      const directory = yield* withFiles({
        "cellagent.yaml": "cellagent:\n  fail_mode: closed\n  retry_attempts: 5\n  brain_timeout_ms: 20\n",
        "brain.yaml": "brain:\n  drop_policy: \"lowest_priority\"\n"
      })
      const { origins, settings } = yield* settingsWith(
        { directory, settings: { cellagent: { brain_timeout_ms: 30 } } },
        { PIC_CELLAGENT_RETRY_ATTEMPTS: "7", PIC_CELLAGENT_BRAIN_TIMEOUT_MS: "25", HOME: "/root" }
      )
      assert.strictEqual(settings.cellagent.fail_mode, "closed")
      assert.strictEqual(settings.cellagent.retry_attempts, 7)
      assert.strictEqual(settings.cellagent.brain_timeout_ms, 30)
      assert.strictEqual(settings.brain.drop_policy, "lowest_priority")
      assert.strictEqual(origins.get("cellagent.fail_mode"), Path.join(directory, "cellagent.yaml"))
      assert.strictEqual(origins.get("cellagent.retry_attempts"), "environment PIC_CELLAGENT_RETRY_ATTEMPTS")
      assert.strictEqual(origins.get("cellagent.brain_timeout_ms"), "code")
      assert.strictEqual(origins.get("brain.queue_size"), "default")
    }))

  it.effect("refuses a wrong value with file, key, value and what was expected", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* refusedFile("cellagent:\n  throttle_threshold: 1.5\n"),
        "pic.yaml: cellagent.throttle_threshold is 1.5, expected a number above 0 and at most 1"
      )
      assert.strictEqual(
        yield* refusedFile("cellagent:\n  fail_mode: ajar\n"),
        "pic.yaml: cellagent.fail_mode is \"ajar\", expected open or closed"
      )
      assert.strictEqual(
        yield* refusedFile("cellagent:\n  enabled: \"true\"\n"),
        "pic.yaml: cellagent.enabled is \"true\", expected true or false"
      )
      assert.strictEqual(
        yield* refusedFile("crypto:\n  signature_algorithm: none\n"),
        "pic.yaml: crypto.signature_algorithm is \"none\", expected HMAC-SHA256, the only algorithm there is"
      )
      assert.strictEqual(
        yield* refusedFile("brain:\n  worker_threads: 32\n"),
        "pic.yaml: brain.worker_threads is 32, expected at most brain.max_worker_threads (16)"
      )
      assert.include(
        yield* refusedFile("cellagent:\n  retry_attempts:\n"),
        "is empty, expected a whole number from 0 to 100"
      )
      assert.include(
        yield* refusedFile("cellagent: [1, 2]\n"),
        "cellagent is a list of 2, expected a mapping of its keys"
      )
      assert.include(yield* refusedFile("- 1\n"), "the file is a list of 1, expected a mapping with the sections")
    }))

  it.effect("names the environment variable of a wrong value", () =>
    Effect.gen(function*() {
      const error = yield* refusal({ files: [] }, { PIC_BRAIN_QUEUE_SIZE: "lots" })
      assert.strictEqual(
        error.message,
        "environment PIC_BRAIN_QUEUE_SIZE: brain.queue_size is \"lots\", expected a whole number above 0"
      )
    }))

  it.effect("reads numbers, booleans and texts from the environment, and skips empty values", () =>
    Effect.gen(function*() {
      const { settings } = yield* settingsWith({ files: [] }, {
        PIC_CELLAGENT_ENABLED: "FALSE",
        PIC_CELLAGENT_AGENT_ID: "42",
        PIC_CELLAGENT_BURST: "5",
        PIC_LIMITS_CPU_CAP: "off",
        PIC_BRAIN_FALSE_POSITIVE_RATE: "1e-3",
        PIC_AUDIT_HEAD_PATH: ""
      })
      assert.strictEqual(settings.cellagent.enabled, false)
      assert.strictEqual(settings.cellagent.agent_id, "42")
      assert.strictEqual(settings.cellagent.burst, 5)
      assert.strictEqual(settings.limits.cpu_cap, "off")
      assert.strictEqual(settings.brain.false_positive_rate, 0.001)
      assert.strictEqual(settings.audit.head_path, "")
    }))

  it.effect("refuses unknown keys with the nearest known name", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* refusedFile("cellagent:\n  fail_mod: open\n"),
        "pic.yaml: unknown key cellagent.fail_mod; did you mean cellagent.fail_mode?"
      )
      assert.strictEqual(
        yield* refusedFile("celagent:\n  a: 1\n"),
        "pic.yaml: unknown key celagent; did you mean cellagent?"
      )
      assert.strictEqual(
        yield* refusedFile("queue_sise: 5\n"),
        "pic.yaml: unknown key queue_sise; did you mean brain.queue_size?"
      )
      const variable = yield* refusal({ files: [] }, { PIC_CELLAGENT_FAILMODE: "open" })
      assert.strictEqual(
        variable.message,
        "environment: unknown key PIC_CELLAGENT_FAILMODE; did you mean PIC_CELLAGENT_FAIL_MODE?"
      )
      const misspelt = yield* refusal({ files: [] }, { PIC_LIMIT_MEMORY_MB: "5" })
      assert.include(misspelt.message, "did you mean PIC_LIMITS_MEMORY_MB?")
    }))

  it.effect("ignores variables of other tools that share the prefix", () =>
    Effect.gen(function*() {
      const { settings } = yield* settingsWith({ files: [] }, { PIC_GALLERY_COLOUR: "red", PIC_: "x", PIC: "y" })
      assert.deepStrictEqual(settings, defaults)
    }))

  it.effect("says what is wrong with a file that is no configuration", () =>
    Effect.gen(function*() {
      assert.include(yield* refusedFile(""), "pic.yaml: is empty; expected at least one of the sections cellagent")
      assert.include(yield* refusedFile(" \n\n"), "is empty")
      assert.include(
        yield* refusedFile(new Uint8Array([0x63, 0x00, 0x01])),
        "is not text: it has a zero byte at offset 1"
      )
      assert.include(yield* refusedFile(new Uint8Array([0xff, 0xfe, 0x41])), "is not valid UTF-8")
      assert.include(yield* refusedFile("#".repeat(fileBytesMax + 1)), `is larger than ${fileBytesMax} bytes`)
      assert.include(yield* refusedFile("cellagent:\n  retry_attempts: 1\n  retry_attempts: 2\n"), "Duplicate key")
      assert.include(yield* refusedFile("cellagent: [1\n"), "is not YAML")
      const directory = yield* temporary
      assert.include((yield* refusal({ files: [directory] })).message, "is a directory, not a file")
      assert.include((yield* refusal({ files: [Path.join(directory, "none.yaml")] })).message, "there is no such file")
      Fs.writeFileSync(Path.join(directory, "file"), "")
      assert.include((yield* refusal({ directory: Path.join(directory, "file") })).message, "cannot be read (ENOTDIR)")
    }))

  it.effect("accepts a file at the size limit and one whose lines are all comments", () =>
    Effect.gen(function*() {
      const text = "cellagent:\n  retry_attempts: 1\n"
      const directory = yield* withFiles({
        "large.yaml": text + "#".repeat(fileBytesMax - text.length),
        "comments.yaml": "# brain:\n#   queue_size: 1\n",
        "section.yaml": "brain:\n"
      })
      const files = ["large.yaml", "comments.yaml", "section.yaml"].map((name) => Path.join(directory, name))
      const { settings } = yield* settingsWith({ files })
      assert.strictEqual(settings.cellagent.retry_attempts, 1)
    }))

  it.effect("refuses a key that two files give", () =>
    Effect.gen(function*() {
      const text = "cellagent:\n  retry_attempts: 1\n"
      const directory = yield* withFiles({ "cellagent.yaml": text, "pic.yaml": text })
      const error = yield* refusal({ directory })
      assert.include(error.message, "cellagent.retry_attempts is 1, expected it in one file only")
    }))

  it.effect("never echoes what looks like a secret, nor control characters", () =>
    Effect.gen(function*() {
      const secret = "s3cr3tS3cr3tS3cr3tS3cr3t"
      for (
        const content of [
          `cellagent:\n  fail_mode: ${secret}\n`,
          `cellagent:\n  ${secret}: 1\n`,
          `${secret}: 1\n`,
          `cellagent:\n  fail_mode: "-----BEGIN PRIVATE KEY-----"\n`,
          `cellagent:\n  ${secret}: 1\n  ${secret}: 2\n`
        ]
      ) {
        const message = yield* refusedFile(content)
        assert.notInclude(message, secret)
        assert.notInclude(message, "PRIVATE KEY")
      }
      const message = yield* refusedFile("cellagent:\n  fail_mode: \"\\e[31m\\u202Eopen\"\n")
      assert.include(message, "\"\\u001b[31m\\u202eopen\"")
    }))

  it.effect("collects every problem for the operator", () =>
    Effect.gen(function*() {
      const directory = yield* withFiles({ "brain.yaml": "brain:\n  queue_size: 0\n  queue_sise: 1\n", "pic.yaml": "" })
      const problems = yield* Effect.flip(Config.load({ directory })).pipe(Effect.provide(environment({})))
      assert.deepStrictEqual(problems.map((problem) => problem.reason._tag), [
        "UnreadableFile",
        "UnknownSetting",
        "InvalidSetting"
      ])
    }))

  describe("locked keys", () => {
    const locked = {
      settings: { cellagent: { fail_mode: "closed" } },
      locked: ["cellagent.fail_mode"],
      files: []
    } as const

    it.effect("neither file nor environment may weaken them", () =>
      Effect.gen(function*() {
        const directory = yield* withFiles({ "pic.yaml": "cellagent:\n  fail_mode: open\n" })
        const file = yield* refusal({ ...locked, files: [Path.join(directory, "pic.yaml")] })
        assert.strictEqual(file.reason._tag, "LockedSetting")
        assert.include(file.message, "cellagent.fail_mode is locked by code at \"closed\"; \"open\" would weaken it")
        const variable = yield* refusal(locked, { PIC_CELLAGENT_FAIL_MODE: "open" })
        assert.strictEqual(variable.reason._tag, "LockedSetting")
      }))

    it.effect("saying the same again, or something stronger, is fine", () =>
      Effect.gen(function*() {
        const { settings } = yield* settingsWith(locked, { PIC_CELLAGENT_FAIL_MODE: "closed" })
        assert.strictEqual(settings.cellagent.fail_mode, "closed")
        const stronger = yield* settingsWith({ files: [], locked: ["cellagent.fail_mode"] }, {
          PIC_CELLAGENT_FAIL_MODE: "closed"
        })
        assert.strictEqual(stronger.settings.cellagent.fail_mode, "closed")
      }))

    it.effect("a running change may not weaken them", () =>
      Effect.gen(function*() {
        const config = yield* PicConfig
        const error = yield* Effect.flip(config.change({ fail_mode: "open" }))
        assert.strictEqual(error.reason._tag, "LockedSetting")
        assert.strictEqual(config.settingsUnsafe().cellagent.fail_mode, "closed")
      }).pipe(Effect.provide(Config.layerSettings(locked.settings, locked.locked))))

    it.effect("a file cannot lock, and a misspelt lock is refused", () =>
      Effect.gen(function*() {
        assert.include(yield* refusedFile("locked: [cellagent.fail_mode]\n"), "locked can only be given by code")
        const error = yield* refusal({ files: [], locked: ["cellagent.failmode" as "cellagent.fail_mode"] })
        assert.include(error.message, "did you mean cellagent.fail_mode?")
      }))
  })

  describe("running changes", () => {
    it.effect("apply at once, are published, and change the origin", () =>
      Effect.gen(function*() {
        const config = yield* PicConfig
        const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(config.changes, 1)), {
          startImmediately: true
        })
        yield* Effect.yieldNow
        yield* config.change({ fail_mode: "closed", rollout: { mode: "enforce", percent: 10 } })
        assert.strictEqual(config.settingsUnsafe().cellagent.fail_mode, "closed")
        assert.deepStrictEqual(config.settingsUnsafe().rollout, { mode: "enforce", percent: 10 })
        assert.strictEqual((yield* config.origins).get("rollout.percent"), "runtime")
        const [published] = yield* Fiber.join(seen)
        assert.strictEqual(published?.rollout.percent, 10)
      }).pipe(Effect.provide(Config.layerSettings())))

    it.effect("with a wrong value leave everything as it was", () =>
      Effect.gen(function*() {
        const config = yield* PicConfig
        const error = yield* Effect.flip(config.change({ fail_mode: "closed", rollout: { percent: 101 } }))
        assert.strictEqual(error.message, "running change: rollout.percent is 101, expected a number from 0 to 100")
        assert.deepStrictEqual(config.settingsUnsafe(), defaults)
      }).pipe(Effect.provide(Config.layerSettings())))

    it.effect("of other keys are refused, known or unknown", () =>
      Effect.gen(function*() {
        const config = yield* PicConfig
        const fixed: object = { agent_id: "other" }
        const unknown: object = { fail_mod: "open" }
        assert.include(
          (yield* Effect.flip(config.change(fixed))).message,
          "cellagent.agent_id cannot change while running"
        )
        assert.include((yield* Effect.flip(config.change(unknown))).message, "did you mean cellagent.fail_mode?")
        assert.deepStrictEqual(config.settingsUnsafe(), defaults)
      }).pipe(Effect.provide(Config.layerSettings())))
  })

  it.effect("refuses wrong values given by code", () =>
    Effect.gen(function*() {
      const error = yield* PicConfig.pipe(
        Effect.provide(Config.layerSettings({ rollout: { percent: -1 } })),
        Effect.flip
      )
      assert.strictEqual(error.message, "code: rollout.percent is -1, expected a number from 0 to 100")
    }))
})
