import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, References, Result } from "effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { encodeCommand, encodeSealed, macInput, requestBytesMax } from "../../../src/domain/operate/OperatorProtocol.ts"
import type { SettingsInput } from "../../../src/domain/settings/Settings.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as Config from "../../../src/layers/config/PicConfig.ts"
import * as CryptoLayer from "../../../src/layers/crypto/CryptoCore.ts"
import * as KeyManagerLayer from "../../../src/layers/crypto/KeyManager.ts"
import * as Embedded from "../../../src/layers/Embedded.ts"
import * as AuditStore from "../../../src/layers/store/AuditStore.ts"
import * as StateStore from "../../../src/layers/store/StateStore.ts"
import * as TraceStore from "../../../src/layers/store/TraceStore.ts"
import * as OperatorClient from "../../../src/runtime/operator/OperatorClient.ts"
import * as OperatorServer from "../../../src/runtime/operator/OperatorServer.ts"
import { AuditLogger, AuditLoggerError, AuditUnavailable } from "../../../src/services/AuditLogger.ts"
import { BaselineProfiler } from "../../../src/services/BaselineProfiler.ts"
import { CryptoCore } from "../../../src/services/CryptoCore.ts"
import { KeyManager } from "../../../src/services/KeyManager.ts"
import { PicConfig } from "../../../src/services/PicConfig.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { PicMetrics } from "../../../src/services/PicMetrics.ts"
import { makeLogin, train } from "../../support/Trained.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-op-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** The embedded system with its operator socket; keys in a file, so that others can act as operators. */
const system = (directory: string, settings: SettingsInput = {}, overrides: Embedded.Overrides = {}) =>
  OperatorServer.layer.pipe(
    Layer.provideMerge(Embedded.layerWith(overrides)),
    Layer.provideMerge(Layer.mergeAll(AuditStore.layerMemory, StateStore.layerMemory, TraceStore.layerMemory)),
    Layer.provideMerge(KeyManagerLayer.layerFile),
    Layer.provideMerge(Embedded.observability),
    Layer.provideMerge(Layer.mergeAll(
      Config.layerSettings({ ...settings, storage: { directory }, audit: { wait_ms: 5_000 } }),
      PicClock.layer,
      CryptoLayer.layer,
      Layer.succeed(References.MinimumLogLevel, "None")
    ))
  )

const start = (settings?: SettingsInput, overrides?: Embedded.Overrides) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const services = yield* Layer.build(system(directory, settings, overrides))
    return { directory, services, path: Path.join(directory, "operator.sock") }
  })

/** Talks to the socket in the raw: what the server says until it hangs up. */
const raw = (path: string, answer: (greeting: { readonly nonce: string }) => string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = Net.connect({ path })
    let text = ""
    let answered = false
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8")
      const end = text.indexOf("\n")
      if (answered || end < 0) return
      answered = true
      socket.write(answer(JSON.parse(text.slice(0, end))))
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(text.slice(text.indexOf("\n") + 1))))
  })

const violations = (services: Context.Context<PicMetrics>) =>
  Effect.map(Context.get(services, PicMetrics).getStats, ({ counters }) => counters.security_violations)

describe("operator socket", () => {
  it.live("is private to its owner and gone when the process stops", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const path = Path.join(directory, "operator.sock")
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Layer.build(system(directory))
        assert.strictEqual(Fs.lstatSync(path).mode & 0o777, 0o600)
      }))
      assert.isFalse(Fs.existsSync(path))
    }))

  it.live("answers status and changes the rollout, each on record before the answer", () =>
    Effect.gen(function*() {
      const { path, services } = yield* start()
      const call = (command: Parameters<typeof OperatorClient.call>[1]) =>
        Effect.provideContext(OperatorClient.call(path, command), services)
      const status = yield* call({ _tag: "Status" })
      assert.containsAllKeys(status, ["health", "accounting", "stats", "brain", "rollout", "profiles"])
      const state = yield* call({ _tag: "RolloutSet", mode: "enforce", percent: 25 })
      assert.deepInclude(state, { mode: "enforce", percent: 25, failMode: "open", weakenings: [] })
      assert.deepStrictEqual(Context.get(services, PicConfig).settingsUnsafe().rollout, {
        mode: "enforce",
        percent: 25
      })
      const { records } = yield* Context.get(services, AuditLogger).query({ kind: "operator" })
      const bodies = records.map((record): unknown => JSON.parse(new TextDecoder().decode(record.body)))
      assert.deepStrictEqual(bodies, [
        { action: "status" },
        { action: "rollout", mode: "enforce", percent: 25 },
        { action: "rollout", mode: "enforce", percent: 25, done: true }
      ])
    }))

  it.live("refuses what code locks, what is nothing, and a limit on what does not weaken", () =>
    Effect.gen(function*() {
      const { path, services } = yield* start({ cellagent: { fail_mode: "closed" } })
      const refusal = (command: Parameters<typeof OperatorClient.call>[1]) =>
        Effect.map(
          Effect.flip(Effect.provideContext(OperatorClient.call(path, command), services)),
          (error) => error.message
        )
      assert.include(yield* refusal({ _tag: "RolloutSet" }), "nothing to set")
      assert.include(
        yield* refusal({ _tag: "ModeSet", failMode: "closed", forSeconds: 60 }),
        "--for is only for a change"
      )
      const weaker = yield* Effect.provideContext(
        OperatorClient.call(path, { _tag: "ModeSet", failMode: "open" }),
        services
      )
      assert.nestedPropertyVal(weaker, "weakenings[0].returnsTo", "closed")
    }))

  it.live("sends one function back to learning, on record, and not without evidence", () =>
    Effect.gen(function*() {
      const relearn = (fn: string) => ({ _tag: "Relearn", fn, reason: "release 4.2", owner: "anna" }) as const
      const baseline = (services: Context.Context<BaselineProfiler>) =>
        Effect.map(Context.get(services, BaselineProfiler).profile("login"), (profile) => profile?.state)
      const trained = (overrides?: Embedded.Overrides) =>
        Effect.gen(function*() {
          const { path, services } = yield* start({ brain: { min_seconds: 0 } }, overrides)
          yield* Effect.provideContext(train(makeLogin().login), services)
          const call = (fn: string) =>
            Effect.result(Effect.provideContext(OperatorClient.call(path, relearn(fn)), services))
          return { call, services }
        })

      const { call, services } = yield* trained()
      assert.strictEqual(yield* baseline(services), "ready")
      assert.include(String(Result.getFailure(yield* call("logout"))), "nothing was learned about logout")
      const forgotten = (yield* Context.get(services, BaselineProfiler).profile("login"))?.learned ?? 0
      assert.deepStrictEqual(yield* call("login"), Result.succeed({ fn: "login", forgotten }))
      assert.isUndefined(yield* baseline(services))
      const { records } = yield* Context.get(services, AuditLogger).query({ kind: "operator", fn: "login" })
      assert.deepInclude(JSON.parse(new TextDecoder().decode(records[0]?.body)), {
        action: "relearn",
        fn: "login",
        reason: "release 4.2",
        owner: "anna"
      })

      const unavailable = new AuditLoggerError({ reason: new AuditUnavailable({ detail: "the disk is full" }) })
      const mute = yield* trained({
        AuditLogger: Layer.effect(
          AuditLogger,
          Effect.map(AuditLogger, (logger) => ({ ...logger, record: () => Effect.fail(unavailable) }))
        ).pipe(Layer.provide(Embedded.parts.AuditLogger))
      })
      assert.include(String(Result.getFailure(yield* mute.call("login"))), "nothing was changed")
      assert.strictEqual(yield* baseline(mute.services), "ready")
    }))

  it.live("refuses an operator with other keys, without telling anything, and counts it", () =>
    Effect.gen(function*() {
      const { path, services } = yield* start()
      const stranger = yield* start()
      const error = yield* Effect.flip(
        Effect.provideContext(OperatorClient.call(path, { _tag: "ModeSet", failMode: "closed" }), stranger.services)
      )
      assert.include(error.message, "it does not know this key")
      assert.strictEqual(Context.get(services, PicConfig).settingsUnsafe().cellagent.fail_mode, "open")
      assert.strictEqual(yield* violations(services), 1)
    }))

  it.live("refuses a command with a bit changed, one for another connection, and one that is too long", () =>
    Effect.gen(function*() {
      const { path, services } = yield* start()
      const crypto = Context.get(services, CryptoCore)
      const key = Context.get(services, KeyManager).getActiveKeyUnsafe("operator")
      const sealed = (nonce: string, body: string, sent = body) => {
        const mac = Buffer.from(
          crypto.macUnsafe(key, macInput("command", Buffer.from(nonce, "base64url"), key.id, body))
        )
        return `${encodeSealed({ v: 1, keyId: key.id, body: sent, mac: mac.toString("base64url") })}\n`
      }
      const closed = encodeCommand({ _tag: "ModeSet", failMode: "closed" })
      let recordedLine = ""
      const replies = [
        yield* raw(path, ({ nonce }) => sealed(nonce, closed, closed.replace("closed", "open"))),
        yield* raw(path, ({ nonce }) => (recordedLine = sealed(nonce, encodeCommand({ _tag: "RolloutStatus" })))),
        yield* raw(path, () => recordedLine),
        yield* raw(path, () => "x".repeat(requestBytesMax + 1)),
        yield* raw(path, () => "not json\n")
      ]
      assert.deepStrictEqual(replies.map((reply) => reply !== ""), [false, true, false, false, false])
      assert.strictEqual(yield* violations(services), 4)
      const { counters } = yield* Context.get(services, PicMetrics).getStats
      assert.deepStrictEqual([counters.attacks_forged, counters.alerts], [2, 4])
      assert.strictEqual(Context.get(services, PicConfig).settingsUnsafe().cellagent.fail_mode, "open")
    }))

  it.live("the client refuses an answer that somebody else sealed", () =>
    Effect.gen(function*() {
      const { services } = yield* start()
      const directory = yield* temporary
      const path = Path.join(directory, "operator.sock")
      yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer((socket) => {
            const nonce = Buffer.alloc(32).toString("base64url")
            socket.write(`{"v":1,"nonce":"${nonce}","pid":1}\n`)
            socket.on("data", () =>
              socket.end(
                `${encodeSealed({ v: 1, keyId: "k", body: "{\"_tag\":\"Done\",\"result\":1}", mac: nonce })}\n`
              ))
            socket.on("error", () => {})
          })
          server.listen({ path }, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const error = yield* Effect.flip(Effect.provideContext(OperatorClient.call(path, { _tag: "Status" }), services))
      assert.include(error.message, "not from a process that has the keys")
    }))

  it.live("takes over the socket of a crashed process, but never a served one or another file", () =>
    Effect.gen(function*() {
      const { directory, path, services } = yield* start()
      const other = yield* Layer.build(system(directory))
      yield* Effect.provideContext(OperatorClient.call(path, { _tag: "RolloutStatus" }), services)
      assert.isTrue(Context.get(other, PicConfig).settingsUnsafe().cellagent.enabled)

      const crashed = yield* temporary
      const stale = Path.join(crashed, "operator.sock")
      yield* Effect.callback<void>((resume) => {
        const server = Net.createServer()
        server.listen({ path: stale }, () => {
          Fs.renameSync(stale, `${stale}.kept`)
          server.close(() => {
            Fs.renameSync(`${stale}.kept`, stale)
            resume(Effect.void)
          })
        })
      })
      const taken = yield* Layer.build(system(crashed))
      yield* Effect.provideContext(OperatorClient.call(stale, { _tag: "RolloutStatus" }), taken)

      const occupied = yield* temporary
      Fs.writeFileSync(Path.join(occupied, "operator.sock"), "precious")
      const running = yield* Layer.build(system(occupied))
      assert.strictEqual(Fs.readFileSync(Path.join(occupied, "operator.sock"), "utf8"), "precious")
      assert.notStrictEqual((yield* Context.get(running, PicHealth).status).state, "not_protecting")
    }))

  it.live("says where nobody serves a socket", () =>
    Effect.gen(function*() {
      const { directory, services } = yield* start()
      const error = yield* Effect.flip(
        Effect.provideContext(OperatorClient.call(Path.join(directory, "none.sock"), { _tag: "Status" }), services)
      )
      assert.strictEqual(error.reason._tag, "NotRunning")
    }))
})
