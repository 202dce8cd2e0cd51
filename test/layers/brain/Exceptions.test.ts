import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import { exceptionSecondsDefault, exceptionSecondsMax } from "../../../src/domain/decide/Exceptions.ts"
import * as ExceptionsLayer from "../../../src/layers/brain/Exceptions.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as CryptoCore from "../../../src/layers/crypto/CryptoCore.ts"
import * as StateStoreLayer from "../../../src/layers/store/StateStore.ts"
import * as TraceStoreLayer from "../../../src/layers/store/TraceStore.ts"
import { Alerts } from "../../../src/services/Alerts.ts"
import { AuditLogger, AuditLoggerError, AuditUnavailable } from "../../../src/services/AuditLogger.ts"
import { BaselineProfiler } from "../../../src/services/BaselineProfiler.ts"
import { Exceptions } from "../../../src/services/Exceptions.ts"
import { PicHealth } from "../../../src/services/PicHealth.ts"
import { StateStore, StateStoreError } from "../../../src/services/StateStore.ts"
import { TraceStore } from "../../../src/services/TraceStore.ts"
import { makeLogin, train } from "../../support/Trained.ts"

const bodyOf = (record: { readonly body: Uint8Array }) => JSON.parse(new TextDecoder().decode(record.body))
/** A customer whom nobody has seen, and an attack through the same argument. */
const customer: [string, number] = ["anna.o'brien (new)", 1]
const sameForm: [string, number] = ["emma.d'angelo (old)", 2]
const attack: [string, number] = ["' OR 1=1; DROP TABLE users --", 1]

const blocked = Effect.fnUntraced(function*(login: ReturnType<typeof makeLogin>["login"], args: [string, number]) {
  return (yield* Effect.flip(login(...args))).decisionId
})

describe("exceptions in the embedded system", () => {
  it.effect("what was allowed runs, on record, unlearned and counted; an attack still does not", () =>
    Effect.gen(function*() {
      const { login } = makeLogin()
      yield* train(login)
      const exceptions = yield* Exceptions
      const audit = yield* AuditLogger
      const profiler = yield* BaselineProfiler
      const decisionId = yield* blocked(login, customer)
      const exception = yield* exceptions.allow({ decisionId, reason: "a real customer", owner: "anna" })
      const { records } = yield* audit.query({ kind: "operator" })
      assert.deepInclude(bodyOf(records.at(-1)!), { action: "allow", exception: exception.id, owner: "anna" })
      assert.notInclude(JSON.stringify(records.map(bodyOf)), "brien")
      assert.strictEqual(exception.until - exception.createdAt, exceptionSecondsDefault * 1000)

      const learned = (yield* profiler.profile("login"))?.learned
      assert.strictEqual(yield* login(...customer), customer[0].length)
      assert.strictEqual((yield* profiler.profile("login"))?.learned, learned)
      yield* audit.flush
      const allowed = (yield* audit.query({ kind: "allow" })).records.map(bodyOf)
      assert.strictEqual(allowed.length, 1)
      assert.deepInclude(allowed[0], { source: "exception", exception: exception.id, action: "allow" })
      assert.include(allowed[0].reason, exception.id)
      const kept = (yield* (yield* TraceStore).recent(1))[0]?.decision
      assert.deepInclude(kept, { source: "exception", wouldBlock: false })
      assert.deepStrictEqual((yield* exceptions.list).map(({ hits, id }) => [id, hits]), [[exception.id, 1]])

      yield* blocked(login, attack)
      yield* exceptions.revoke(exception.id, "bert")
      yield* blocked(login, customer)
      const last = (yield* audit.query({ kind: "operator" })).records.map(bodyOf).at(-1)
      assert.deepInclude(last, { action: "revoke exception", exception: exception.id, owner: "bert", hits: 1 })
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("ends by itself when its time is over, on record", () =>
    Effect.gen(function*() {
      const { login } = makeLogin()
      yield* train(login)
      const exceptions = yield* Exceptions
      const decisionId = yield* blocked(login, customer)
      const { id } = yield* exceptions.allow({ decisionId, seconds: 3_600, reason: "for an hour", owner: "anna" })
      yield* TestClock.adjust("59 minutes")
      yield* login(...customer)
      yield* TestClock.adjust("1 minute")
      yield* blocked(login, customer)
      assert.deepStrictEqual(yield* exceptions.list, [])
      yield* (yield* AuditLogger).flush
      const records = (yield* (yield* AuditLogger).query({ kind: "operator" })).records.map(bodyOf)
      assert.deepInclude(records.at(-1), { action: "exception expired", exception: id, hits: 1 })
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("refuses what is no anomaly, is unknown, lasts too long or has no reason", () =>
    Effect.gen(function*() {
      const { login } = makeLogin()
      yield* train(login)
      const exceptions = yield* Exceptions
      const decisionId = yield* blocked(login, sameForm)
      const base = { decisionId, reason: "r", owner: "anna" }
      const message = (request: Parameters<typeof exceptions.allow>[0]) =>
        Effect.map(Effect.flip(exceptions.allow(request)), (error) => error.message)
      assert.include(yield* message({ ...base, decisionId: "d-none" }), "not among the recent ones")
      assert.include(yield* message({ ...base, seconds: exceptionSecondsMax + 1 }), "30 days")
      assert.include(yield* message({ ...base, seconds: Number.NaN }), "30 days")
      assert.include(yield* message({ ...base, reason: " " }), "needs a reason")
      assert.include(yield* message({ ...base, owner: "" }), "needs an owner")
      yield* login("anna.bert12", 1)
      const normal = (yield* (yield* TraceStore).recent(1))[0]!.decision.id
      assert.include(yield* message({ ...base, decisionId: normal }), "nothing to except")
      assert.strictEqual((yield* Effect.flip(exceptions.revoke("x-none", "anna"))).reason._tag, "ExceptionNotFound")
      yield* exceptions.allow({ ...base, seconds: exceptionSecondsMax })
    }).pipe(Effect.provide(PicTest.layer)))
})

const event = {
  id: "e",
  agentId: "a",
  fn: "pay",
  session: "",
  subjectHash: "",
  timestamp: 1,
  priority: "normal",
  samplingProbability: 1,
  features: { arity: 3, arguments: [], truncated: false }
} as const
const findings = [{ detector: "arity", path: "", expected: "2 arguments", seen: "3 arguments", pValue: 1e-6 }] as const
const decision = {
  id: "d-1",
  eventId: "e",
  action: "block",
  source: "brain",
  reason: "anomalous",
  confidence: 1,
  pValue: 1e-6,
  findings,
  wouldBlock: true
} as const
const request = { decisionId: "d-1", reason: "r", owner: "anna" }

/** One life of the service over a state store that outlives it; `audited` false: evidence cannot be written. */
const life = Effect.fnUntraced(function*(store: StateStore["Service"], audited = true) {
  const alerts: Array<string> = []
  const conditions = new Map<string, string>()
  const recorded: Array<unknown> = []
  const scope = yield* Scope.make()
  const unavailable = new AuditLoggerError({ reason: new AuditUnavailable({ detail: "disk full" }) })
  const services = yield* Layer.buildWithScope(
    ExceptionsLayer.layer.pipe(Layer.provideMerge(Layer.mergeAll(
      TraceStoreLayer.layerMemory,
      PicClock.layer,
      CryptoCore.layer,
      Layer.succeed(StateStore, store),
      Layer.mock(AuditLogger)({
        record: (_kind, body) =>
          audited ? Effect.as(Effect.sync(() => recorded.push(body)), {} as never) : Effect.fail(unavailable),
        recordUnsafe: (_kind, body) => void recorded.push(body),
        noteAllowUnsafe: () => {},
        noteLossUnsafe: () => {}
      }),
      Layer.mock(Alerts)({ raiseUnsafe: (kind) => void alerts.push(kind) }),
      Layer.mock(PicHealth)({
        reportUnsafe: (name, _severity, reason) => void conditions.set(name, reason),
        clearUnsafe: (name) => void conditions.delete(name)
      })
    ))),
    scope
  )
  Context.get(services, TraceStore).appendUnsafe({ event, decision })
  return {
    alerts,
    conditions,
    recorded,
    exceptions: Context.get(services, Exceptions),
    end: Scope.close(scope, Exit.void)
  }
})
const freshStore = Effect.map(Layer.build(StateStoreLayer.layerMemory), (services) => Context.get(services, StateStore))

describe("stored exceptions", () => {
  it.effect("survive a crash and a restart, hits included", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const first = yield* life(store)
      const { id } = yield* first.exceptions.allow(request)
      const crashed = yield* life(store)
      assert.deepStrictEqual(crashed.exceptions.coverUnsafe(event, findings), [id])
      yield* crashed.end
      const second = yield* life(store)
      assert.deepStrictEqual((yield* second.exceptions.list).map(({ hits }) => hits), [1])
      yield* second.exceptions.revoke(id, "anna")
      const third = yield* life(store)
      assert.isUndefined(third.exceptions.coverUnsafe(event, findings))
    }))

  it.effect("are refused where their MAC does not verify: none holds, and everybody hears of it", () =>
    Effect.gen(function*() {
      const { alerts, conditions, exceptions } = yield* life(StateStore.of({
        save: () => Effect.void,
        load: () => Effect.succeed({ _tag: "Refused", detail: "the MAC of exceptions does not verify" })
      }))
      assert.deepStrictEqual(yield* exceptions.list, [])
      assert.deepStrictEqual(alerts, ["state_refused"])
      assert.include(conditions.get("exceptions") ?? "", "MAC of exceptions does not verify")
    }))

  it.effect("none is made without its record, and none that cannot be saved", () =>
    Effect.gen(function*() {
      const silent = yield* life(yield* freshStore, false)
      assert.include((yield* Effect.flip(silent.exceptions.allow(request))).message, "audit record")
      assert.isUndefined(silent.exceptions.coverUnsafe(event, findings))
      const broken = yield* life(StateStore.of({
        save: () => Effect.fail(new StateStoreError({ detail: "disk full" })),
        load: () => Effect.succeed({ _tag: "Absent" })
      }))
      assert.include((yield* Effect.flip(broken.exceptions.allow(request))).message, "could not be saved")
      assert.isUndefined(broken.exceptions.coverUnsafe(event, findings))
      assert.include(broken.conditions.get("saving exceptions") ?? "", "disk full")
      assert.deepInclude(broken.recorded.at(-1), { action: "allow", refused: "it could not be saved" })
    }))
})
