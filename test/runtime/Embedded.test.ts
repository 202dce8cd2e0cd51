import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { CallBlocked, Monitor } from "effect-pic"
import { PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import { balanced } from "../../src/domain/flow/Accounting.ts"
import { MacKey } from "../../src/domain/keys/MacKey.ts"
import * as CryptoCoreLayer from "../../src/layers/crypto/CryptoCore.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { BrainCore } from "../../src/services/BrainCore.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"
import { CryptoCore } from "../../src/services/CryptoCore.ts"
import { PicConfig } from "../../src/services/PicConfig.ts"
import { hostile, makeLogin, ordinary, train } from "../support/Trained.ts"

const bodyOf = (record: { readonly body: Uint8Array }) => JSON.parse(new TextDecoder().decode(record.body))

describe("the embedded system", () => {
  it.effect("learns ordinary calls, then blocks a hostile one before it runs, with evidence and an explanation", () =>
    Effect.gen(function*() {
      const { login, ran } = makeLogin()
      yield* train(login)
      const before = ran.count
      assert.strictEqual(yield* login(...ordinary(5_001)), ordinary(5_001)[0].length)
      const error = yield* Effect.flip(login(...hostile))
      assert.isTrue(error instanceof CallBlocked)
      assert.strictEqual(error.reason._tag, "Anomalous")
      assert.strictEqual(ran.count, before + 1)

      const audit = yield* AuditLogger
      const { records } = yield* audit.query({ kind: "block" })
      const mine = records.filter((record) => bodyOf(record).decisionId === error.decisionId)
      assert.strictEqual(mine.length, 1)
      const body = bodyOf(mine[0]!)
      assert.strictEqual(body.fn, "login")
      assert.isAbove(body.findings.length, 0)
      assert.notInclude(JSON.stringify(body), "DROP TABLE")
      assert.isTrue((yield* audit.verify).ok)
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("observe: the hostile call runs at once, and is judged and recorded behind it", () =>
    Effect.gen(function*() {
      const { login, ran } = makeLogin()
      yield* train(login)
      yield* (yield* PicConfig).change({ rollout: { mode: "observe" } })
      const before = ran.count
      assert.strictEqual(yield* login(...hostile), hostile[0].length)
      assert.strictEqual(ran.count, before + 1)
      const agent = yield* CellAgent
      assert.strictEqual((yield* agent.accounting).inFlight, 1)
      yield* agent.flush
      assert.strictEqual((yield* (yield* BrainCore).status).wouldBlock > 0, true)
      assert.strictEqual((yield* agent.accounting).inFlight, 0)
      const audit = yield* AuditLogger
      yield* audit.flush
      const { records } = yield* audit.query({ kind: "would_block" })
      assert.isTrue(records.some((record) => bodyOf(record).fn === "login"))
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("a percentage holds for a subject: inside is blocked every time, outside never", () =>
    Effect.gen(function*() {
      let ran = 0
      const pay = Monitor.wrap("pay", (_user: string, _note: string) => Effect.sync(() => ran++), {
        subject: (user) => user
      })
      const agent = yield* CellAgent
      yield* (yield* PicConfig).change({ rollout: { percent: 100 } })
      const notes = makeLogin("notes")
      yield* train(notes.login)
      for (let i = 0; i < 1_500; i++) yield* Effect.ignore(pay(`user-${i % 200}`, ordinary(i)[0]))
      yield* agent.flush
      yield* train(notes.login)
      yield* (yield* PicConfig).change({ rollout: { percent: 30 } })
      ran = 0
      let inside = 0
      for (let user = 0; user < 200; user++) {
        const outcomes = new Set<boolean>()
        for (let again = 0; again < 3; again++) {
          outcomes.add(
            yield* Effect.match(pay(`user-${user}`, `${hostile[0]} ${again}`), {
              onFailure: () => true,
              onSuccess: () => false
            })
          )
        }
        assert.strictEqual(outcomes.size, 1, `user-${user} was treated both ways`)
        if (outcomes.has(true)) inside++
      }
      assert.isAbove(inside, 30)
      assert.isBelow(inside, 90)
      assert.strictEqual(ran, (200 - inside) * 3)
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("an enforced call makes exactly four MACs: event and decision, signed and verified", () => {
    const seen: Array<string> = []
    const counting = Layer.effect(
      CryptoCore,
      Effect.map(CryptoCore, (crypto) =>
        CryptoCore.of({
          ...crypto,
          macUnsafe: (key, data) => {
            seen.push(`sign ${key.purpose}`)
            return crypto.macUnsafe(key, data)
          },
          verifyMacUnsafe: (key, data, mac) => {
            seen.push(`verify ${key.purpose}`)
            return crypto.verifyMacUnsafe(key, data, mac)
          }
        }))
    ).pipe(Layer.provide(CryptoCoreLayer.layer))
    return Effect.gen(function*() {
      const { login } = makeLogin()
      yield* login(...ordinary(1))
      yield* (yield* CellAgent).flush
      seen.length = 0
      yield* login(...ordinary(2))
      assert.deepStrictEqual(seen, ["sign event", "verify event", "sign decision", "verify decision"])
    }).pipe(Effect.provide(PicTest.layerWith({ crypto: counting })))
  })

  it.effect("the accounting balances at every moment, in every mode", () =>
    Effect.gen(function*() {
      const { login } = makeLogin()
      const agent = yield* CellAgent
      const config = yield* PicConfig
      for (let i = 0; i < 400; i++) {
        if (i % 50 === 0) {
          yield* config.change({
            rollout: { mode: i % 100 === 0 ? "observe" : "enforce" },
            sampling_rate: i % 150 === 0 ? 0.5 : 1,
            per_function_limit: i > 200 ? 10 : 1_000
          })
        }
        yield* Effect.ignore(login(...ordinary(i)))
        const accounting = yield* agent.accounting
        assert.isTrue(balanced(accounting), JSON.stringify(accounting))
        if (i % 30 === 0) yield* TestClock.adjust(20)
      }
      yield* agent.flush
      const accounting = yield* agent.accounting
      assert.strictEqual(accounting.inFlight, 0)
      assert.strictEqual(accounting.offered, 400)
      assert.isAbove(accounting.sampledOut, 0)
      assert.isAbove(accounting.throttled, 0)
      assert.isTrue(balanced(accounting))
      assert.isFalse(balanced({ ...accounting, shed: accounting.shed + 1 }), "the control: one call too many is seen")
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("over the limit, `score` still blocks, without an envelope", () =>
    Effect.gen(function*() {
      const { login, ran } = makeLogin()
      yield* train(login)
      yield* (yield* PicConfig).change({ per_function_limit: 1 })
      for (let i = 0; i < 5; i++) yield* Effect.ignore(login(...ordinary(i)))
      const before = ran.count
      const error = yield* Effect.flip(login(...hostile))
      assert.strictEqual(error.reason._tag, "Anomalous")
      assert.strictEqual(ran.count, before)
    }).pipe(Effect.provide(PicTest.layer)))

  it.effect("decisions are a stream", () =>
    Effect.gen(function*() {
      const { login } = makeLogin()
      const reading = yield* Effect.forkChild(Stream.runCollect(Stream.take(Monitor.decisions, 2)))
      yield* Effect.yieldNow
      yield* login(...ordinary(1))
      yield* login(...ordinary(2))
      const decisions = yield* Fiber.join(reading)
      assert.deepStrictEqual(decisions.map(({ decision, fn }) => [fn, decision.source]), [
        ["login", "training"],
        ["login", "training"]
      ])
    }).pipe(Effect.provide(PicTest.layer)))

  for (const mode of ["open", "closed"] as const) {
    it.effect(`with the brain stopped an enforced call does what fail mode ${mode} says, an observed one runs`, () =>
      Effect.gen(function*() {
        const { login, ran } = makeLogin()
        yield* (yield* BrainCore).stop
        const config = yield* PicConfig
        yield* config.change({ fail_mode: mode })
        const exit = yield* Effect.result(login(...ordinary(1)))
        if (mode === "open") assert.strictEqual(exit._tag, "Success")
        else assert.strictEqual(exit._tag === "Failure" ? exit.failure.reason._tag : "", "FailedClosed")
        assert.strictEqual(ran.count, mode === "open" ? 1 : 0)
        yield* config.change({ rollout: { mode: "observe" } })
        yield* login(...ordinary(2))
        assert.strictEqual(ran.count, mode === "open" ? 2 : 1)
        yield* (yield* CellAgent).flush
        const accounting = yield* (yield* CellAgent).accounting
        assert.strictEqual(accounting.failed, 2, JSON.stringify(accounting))
      }).pipe(Effect.provide(PicTest.layer)))
  }

  it("a key prints no material", () => {
    assert.strictEqual(String(new MacKey("k1", "event", "secret")), "MacKey(event, k1)")
    assert.notInclude(JSON.stringify(new MacKey("k1", "event", "secret")), "secret")
  })
})
