import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { CallBlocked } from "effect-pic"
import { PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import * as AuditLoggerLayer from "../../../src/layers/brain/AuditLogger.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { hostile, makeLogin, train } from "../../support/Trained.ts"
import { bodyOf, type Fault, faulty, makeSwitch } from "./AuditSetup.ts"

/** Makes a hostile call while the store has a fault; answers how it ended and what is on record once the store is well. */
const hostileCall = (fault: Fault, onFailure: "block" | "allow") => {
  const control = makeSwitch()
  return Effect.gen(function*() {
    const { login, ran } = makeLogin()
    yield* train(login)
    const before = ran.count
    const log = yield* AuditLogger
    yield* log.flush
    control.fault = fault
    const call = yield* Effect.forkChild(Effect.exit(login(...hostile)), { startImmediately: true })
    yield* TestClock.adjust("100 millis")
    const exit = yield* Fiber.join(call)
    control.fault = "none"
    yield* TestClock.adjust("30 seconds")
    yield* log.flush
    const { records } = yield* log.query({ fn: "login" })
    const kinds = records.filter(({ kind }) => kind === "block" || kind === "allow").map((record) =>
      [record.kind, bodyOf(record)["action"], bodyOf(record)["spooled"] ?? false] as const
    )
    assert.isTrue((yield* log.verify).ok)
    return { exit, ran: ran.count - before, kinds }
  }).pipe(Effect.provide(PicTest.layerWith({
    settings: { audit: { on_failure: onFailure } },
    overrides: { AuditLogger: AuditLoggerLayer.layer.pipe(Layer.provide(faulty(control))) }
  })))
}

describe("audit.on_failure", () => {
  for (const fault of ["refused", "hangs"] as const) {
    it.effect(`block: the call stays blocked where the store ${fault}, and its record comes later`, () =>
      Effect.gen(function*() {
        const { exit, kinds, ran } = yield* hostileCall(fault, "block")
        assert.isTrue(
          Exit.isFailure(exit) && exit.cause.reasons.some((r) => r._tag === "Fail" && r.error instanceof CallBlocked)
        )
        assert.strictEqual(ran, 0)
        assert.deepStrictEqual(kinds.map(([kind, action]) => [kind, action]), [["block", "block"]])
      }))

    it.effect(`allow: the call runs where the store ${fault}, and both the block and its lifting come on record`, () =>
      Effect.gen(function*() {
        const { exit, kinds, ran } = yield* hostileCall(fault, "allow")
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(ran, 1)
        assert.sameDeepMembers(kinds.map(([kind, action]) => [kind, action]), [["block", "block"], ["allow", "allow"]])
      }))
  }

  it.effect("decides nothing where the record is durable", () =>
    Effect.gen(function*() {
      const { exit, kinds } = yield* hostileCall("none", "allow")
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(kinds, [["block", "block", false]])
    }))
})
