import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import * as KeyManagerLayer from "../../../src/layers/crypto/KeyManager.ts"
import { CryptoCore } from "../../../src/services/CryptoCore.ts"
import { KeyManager } from "../../../src/services/KeyManager.ts"
import { suite } from "../../contract/KeyManager.ts"
import { makeBase, makeReports } from "../../support/Signing.ts"

const directories: Array<string> = []
const makeDirectory = () => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-keys-"))
  directories.push(directory)
  return directory
}
process.on("exit", () => directories.forEach((directory) => Fs.rmSync(directory, { recursive: true, force: true })))

const environment = (values: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(values))

const inDirectory = (directory: string, settings: SettingsInput = {}, env: Record<string, string> = {}) => {
  const base = makeBase({ storage: { directory }, ...settings })
  const { layer: reporting, reports } = makeReports()
  const provided = Layer.mergeAll(base.layer, reporting, environment(env))
  const open = (layer: typeof KeyManagerLayer.layerFile = KeyManagerLayer.layerFile) =>
    Layer.fresh(layer).pipe(Layer.provideMerge(provided))
  return { clock: base.clock, reports, open, path: Path.join(directory, "keyset.json") }
}

const startMs = 1_732_287_600_000
const subjectOf = (clock: { readonly set: (ms: number) => void }) => {
  let now = startMs
  return { advance: (ms: number) => clock.set(now += ms) }
}

suite("memory", () => {
  const base = makeBase()
  return { layer: KeyManagerLayer.layerMemory.pipe(Layer.provideMerge(base.layer)), ...subjectOf(base.clock) }
})
suite("file", () => {
  const files = inDirectory(makeDirectory())
  return { layer: files.open(), ...subjectOf(files.clock) }
})
suite("storage in memory", () => {
  const files = inDirectory("memory")
  return { layer: files.open(), ...subjectOf(files.clock) }
})

/** One turn of the event loop, in which file operations may finish. */
const turn = Effect.promise(() => new Promise<void>((resolve) => void setImmediate(resolve)))

const used = <A, E, R>(body: (keys: KeyManager["Service"]) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(KeyManager, body)
const refusal = <R>(open: Layer.Layer<KeyManager, { readonly message: string }, R>) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(open))), (error) => error.message)

describe("KeyManager.layerFile", () => {
  it.effect("survives a restart with its keys, but no link key does", () =>
    Effect.gen(function*() {
      const files = inDirectory(makeDirectory())
      const look = used((keys) =>
        Effect.map(keys.list, (info) => ({
          info,
          features: keys.featureKeyUnsafe(),
          keys
        }))
      )
      const first = yield* look.pipe(Effect.provide(files.open()))
      const second = yield* look.pipe(Effect.provide(files.open()))
      assert.deepStrictEqual(second.info, first.info)
      assert.deepStrictEqual(second.features, first.features)
      const same = (purpose: "event" | "audit") =>
        Effect.gen(function*() {
          const crypto = yield* CryptoCore
          const data = new Uint8Array(8)
          const mac = Uint8Array.from(crypto.macUnsafe(first.keys.getActiveKeyUnsafe(purpose), data))
          return crypto.verifyMacUnsafe(second.keys.getActiveKeyUnsafe(purpose), data, mac)
        }).pipe(Effect.provide(makeBase().layer))
      assert.isFalse(yield* same("event"))
      assert.isTrue(yield* same("audit"))
    }))

  it.effect("shares link keys between processes where asked to", () =>
    Effect.gen(function*() {
      const files = inDirectory(makeDirectory())
      const one = yield* used((keys) => Effect.succeed(keys)).pipe(
        Effect.provide(files.open(KeyManagerLayer.layerFileShared))
      )
      const two = yield* used((keys) => Effect.succeed(keys)).pipe(
        Effect.provide(files.open(KeyManagerLayer.layerFileShared))
      )
      yield* Effect.gen(function*() {
        const crypto = yield* CryptoCore
        const data = new Uint8Array(8)
        const mac = Uint8Array.from(crypto.macUnsafe(one.getActiveKeyUnsafe("event"), data))
        assert.isTrue(crypto.verifyMacUnsafe(two.getActiveKeyUnsafe("event"), data, mac))
      }).pipe(Effect.provide(makeBase().layer))
    }))

  it.effect("writes for its owner alone and leaves nothing else behind", () =>
    Effect.gen(function*() {
      const directory = Path.join(makeDirectory(), "deep", "er")
      const files = inDirectory(directory)
      yield* used((keys) => keys.rotateKeys).pipe(Effect.provide(files.open()))
      assert.deepStrictEqual(Fs.readdirSync(directory).toSorted(), [
        "keyset.json",
        "keyset.json.generation",
        "keyset.json.lock"
      ])
      assert.strictEqual(Fs.statSync(`${files.path}.lock`).mode & 0o777, 0o600)
      assert.strictEqual(Fs.statSync(files.path).mode & 0o777, 0o600)
      assert.strictEqual(Fs.statSync(directory).mode & 0o777, 0o700)
    }))

  const damage: ReadonlyArray<readonly [string, RegExp, (path: string) => void]> = [
    ["readable by its group", /may be used by others \(mode 640\); run chmod 600/, (path) => Fs.chmodSync(path, 0o640)],
    ["readable by others", /may be used by others \(mode 604\)/, (path) => Fs.chmodSync(path, 0o604)],
    ["a symbolic link", /is a symbolic link/, (path) => {
      Fs.renameSync(path, `${path}.moved`)
      Fs.symlinkSync(`${path}.moved`, path)
    }],
    ["a dangling link", /is a symbolic link/, (path) => {
      Fs.unlinkSync(path)
      Fs.symlinkSync(`${path}.nowhere`, path)
    }],
    ["a directory", /is not a regular file/, (path) => {
      Fs.unlinkSync(path)
      Fs.mkdirSync(path)
    }],
    ["empty", /is not a keyset/, (path) => Fs.writeFileSync(path, "")],
    ["cut short", /is not a keyset/, (path) => Fs.truncateSync(path, 200)],
    ["binary", /is not a keyset/, (path) => Fs.writeFileSync(path, Buffer.alloc(500, 0xff))],
    ["huge", /is larger than/, (path) => Fs.truncateSync(path, 3_000_000)],
    [
      "edited",
      /is damaged/,
      (path) => Fs.writeFileSync(path, Fs.readFileSync(path, "utf8").replace("\"staged\"", "\"retired\""))
    ],
    ["missing", /is missing; restore generation 1/, (path) => Fs.unlinkSync(path)]
  ]
  for (const [what, message, harm] of damage) {
    it.effect(`refuses a file that is ${what}`, () =>
      Effect.gen(function*() {
        const files = inDirectory(makeDirectory())
        yield* Effect.scoped(Layer.build(files.open()))
        harm(files.path)
        assert.match(yield* refusal(files.open()), message)
      }))

    it.effect(`keeps serving, loudly, when the file becomes ${what}, and recovers`, () =>
      Effect.gen(function*() {
        const files = inDirectory(makeDirectory())
        yield* Effect.gen(function*() {
          const keys = yield* KeyManager
          const id = keys.getActiveKeyUnsafe("event").id
          const good = Fs.readFileSync(files.path)
          harm(files.path)
          const waiting = yield* Effect.forkChild(Stream.runCollect(Stream.take(keys.events, 2)))
          yield* TestClock.adjust("1 second")
          const events = Array.from(yield* Fiber.join(waiting))
          assert.strictEqual(events[1]?.kind, "refused")
          assert.strictEqual(keys.getActiveKeyUnsafe("event").id, id)
          assert.isDefined(keys.verifyKeyUnsafe("event", id))
          assert.lengthOf(files.reports.alerts, 1)
          assert.match(files.reports.conditions.get("keyset") ?? "", /^degraded: .*the keys in force stay in force$/)
          Fs.rmSync(files.path, { recursive: true, force: true })
          Fs.writeFileSync(files.path, good, { mode: 0o600 })
          yield* TestClock.adjust("1 second")
          while (files.reports.conditions.has("keyset")) yield* turn
        }).pipe(Effect.provide(files.open()))
      }))
  }

  it.effect("refuses an older generation, and another file under the same number, also after a restart", () =>
    Effect.gen(function*() {
      const files = inDirectory(makeDirectory())
      yield* Effect.scoped(Layer.build(files.open()))
      const old = Fs.readFileSync(files.path)
      yield* used((keys) => keys.rotateKeys).pipe(Effect.provide(files.open()))
      const newest = Fs.readFileSync(files.path)
      Fs.writeFileSync(files.path, old)
      assert.match(yield* refusal(files.open()), /is generation 1, but generation 2 was already in use/)
      const other = inDirectory(makeDirectory())
      yield* used((keys) => keys.rotateKeys).pipe(Effect.provide(other.open()))
      Fs.copyFileSync(other.path, files.path)
      assert.match(yield* refusal(files.open()), /differs from the generation 2 that was already in use/)
      Fs.writeFileSync(files.path, newest)
      Fs.writeFileSync(`${files.path}.generation`, "nonsense")
      assert.match(yield* refusal(files.open()), /cannot be compared with .*damaged/)
    }))

  it.effect("is not stopped by the lock file of a process that died", () =>
    Effect.gen(function*() {
      const files = inDirectory(makeDirectory())
      Fs.writeFileSync(`${files.path}.lock`, "", { mode: 0o600 })
      const info = yield* used((keys) => keys.rotateKeys).pipe(Effect.provide(files.open()))
      assert.strictEqual(info.generation, 2)
    }))

  it.effect("verifies at once with a key that another process made two rotations ago, before any poll", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const running = inDirectory(directory)
      const operator = inDirectory(directory)
      yield* Effect.gen(function*() {
        const keys = yield* KeyManager
        const info = yield* used((other) => Effect.andThen(other.rotateKeys, other.rotateKeys)).pipe(
          Effect.provide(operator.open(), { local: true })
        )
        const signer = info.keys.find((key) => key.state === "primary")!.id
        assert.strictEqual(keys.verifyKeyUnsafe("event", signer)?.id, signer)
        assert.strictEqual(keys.getActiveKeyUnsafe("event").id, signer)
      }).pipe(Effect.provide(running.open()))
    }))

  it.effect("adopts at the next poll what a failed change has read or written", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const running = inDirectory(directory)
      const operator = inDirectory(directory)
      yield* Effect.gen(function*() {
        const keys = yield* KeyManager
        yield* used((other) => other.rotateKeys).pipe(Effect.provide(operator.open(), { local: true }))
        yield* Effect.flip(keys.revokeKey("nobody"))
        yield* TestClock.adjust("1 second")
        while ((yield* keys.list).generation < 2) yield* turn
        Fs.unlinkSync(`${running.path}.generation`)
        Fs.mkdirSync(`${running.path}.generation`)
        const failed = yield* Effect.flip(keys.rotateKeys)
        assert.strictEqual(failed.reason._tag, "KeysetNotWritten")
        yield* TestClock.adjust("1 second")
        while ((yield* keys.list).generation < 3) yield* turn
      }).pipe(Effect.provide(running.open()))
    }))

  it.effect("picks up what another process rotated and revoked", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const running = inDirectory(directory)
      const operator = inDirectory(directory)
      yield* Effect.gen(function*() {
        const keys = yield* KeyManager
        const old = keys.getActiveKeyUnsafe("event").id
        yield* used((other) => other.revokeKey(old)).pipe(Effect.provide(operator.open(), { local: true }))
        assert.isDefined(keys.verifyKeyUnsafe("event", old))
        yield* TestClock.adjust("1 second")
        const events = Array.from(yield* Stream.runCollect(Stream.take(keys.events, 2)))
        assert.strictEqual(events[1]?.kind, "reloaded")
        assert.isUndefined(keys.verifyKeyUnsafe("event", old))
        assert.notStrictEqual(keys.getActiveKeyUnsafe("event").id, old)
      }).pipe(Effect.provide(running.open()))
    }))

  it.effect("rotates when the time has come, once for all processes", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const processes = [1, 2, 3].map(() => inDirectory(directory, { crypto: { rotation_days: 1 } }))
      const managers = yield* Effect.forEach(processes, (one) =>
        Effect.map(Layer.build(one.open()), Context.get(KeyManager)))
      for (const one of processes) {
        one.clock.set(startMs + 86_400_000)
      }
      yield* Effect.forkChild(Effect.forever(Effect.andThen(TestClock.adjust("20 millis"), turn)))
      for (const keys of managers) {
        while ((yield* keys.list).generation === 1) {
          yield* turn
        }
        assert.strictEqual((yield* keys.list).generation, 2)
      }
      assert.strictEqual(
        new Set(managers.map((keys) =>
          keys.getActiveKeyUnsafe("event").id
        )).size,
        1
      )
    }))

  it.effect("signs with the backup, with an alert, when a due rotation cannot be written", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const files = inDirectory(directory, { crypto: { rotation_days: 1 } })
      yield* Effect.gen(function*() {
        const keys = yield* KeyManager
        const [primary, backup] = (yield* keys.list).keys
        // A directory in the place of the lock: it cannot be locked.
        Fs.rmSync(`${files.path}.lock`)
        Fs.mkdirSync(`${files.path}.lock`)
        files.clock.set(startMs + 86_400_000)
        yield* Effect.forkChild(Effect.forever(Effect.andThen(TestClock.adjust("1 second"), turn)))
        const events = Array.from(yield* Stream.runCollect(Stream.take(keys.events, 2)))
        assert.strictEqual(events[1]?.kind, "rotation_failed")
        assert.strictEqual(keys.getActiveKeyUnsafe("event").id, backup!.id)
        assert.isDefined(keys.verifyKeyUnsafe("event", primary!.id))
        assert.match(files.reports.alerts[0] ?? "", /^key_failure: key rotation failed .*backup key .* signs$/)
        const failed = yield* Effect.flip(keys.rotateKeys)
        assert.strictEqual(failed.reason._tag, "KeysetNotWritten")
        Fs.rmdirSync(`${files.path}.lock`)
        files.clock.set(startMs + 86_400_000 + 120_000)
        while (files.reports.conditions.has("key_rotation")) yield* turn
        assert.strictEqual(keys.getActiveKeyUnsafe("event").id, backup!.id)
        assert.strictEqual((yield* keys.list).generation, 2)
      }).pipe(Effect.provide(files.open()))
    }))
})

describe("KeyManager from PIC_ROOT_SECRET", () => {
  const secret = "correct horse battery staple and some more"

  it.effect("needs no file, is the same everywhere, and rotates by the calendar", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const files = inDirectory(directory, { crypto: { rotation_days: 1 } }, { PIC_ROOT_SECRET: secret })
      yield* Effect.gen(function*() {
        const keys = yield* KeyManager
        const before = yield* keys.list
        assert.deepStrictEqual(before.keys.slice(-3).map((key) => key.state), ["disabled", "primary", "staged"])
        const old = keys.getActiveKeyUnsafe("event").id
        files.clock.set(startMs + 86_400_000)
        yield* TestClock.adjust("1 second")
        const events = Array.from(yield* Stream.runCollect(Stream.take(keys.events, 1)))
        assert.strictEqual(events[0]?.kind, "reloaded")
        assert.strictEqual(keys.getActiveKeyUnsafe("event").id, before.keys.at(-1)?.id)
        assert.isDefined(keys.auditKeyUnsafe(old))
        const failed = yield* Effect.flip(keys.rotateKeys)
        assert.match(failed.message, /rotate by the calendar/)
      }).pipe(Effect.provide(files.open()))
      assert.deepStrictEqual(Fs.readdirSync(directory), [])
    }))

  it.effect("refuses a short secret without repeating it", () =>
    Effect.gen(function*() {
      const files = inDirectory(makeDirectory(), {}, { PIC_ROOT_SECRET: "hunter2" })
      const message = yield* refusal(files.open())
      assert.match(message, /environment PIC_ROOT_SECRET: is shorter than 32 characters/)
      assert.notInclude(message, "hunter2")
    }))
})
