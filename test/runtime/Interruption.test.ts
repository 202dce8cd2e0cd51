import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { ChaosLink, PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import { balanced } from "../../src/domain/flow/Accounting.ts"
import { OwnUsage } from "../../src/domain/flow/OwnUsage.ts"
import { parts } from "../../src/layers/Embedded.ts"
import * as InProcess from "../../src/layers/link/InProcess.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { BrainConnector } from "../../src/services/BrainConnector.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"
import { OwnResources } from "../../src/services/OwnResources.ts"
import { PicMetrics } from "../../src/services/PicMetrics.ts"
import { makeDisk } from "../simulation/Store.ts"
import { hostile, makeWitness } from "../simulation/Witness.ts"
import { makeLogin, ordinary } from "../support/Trained.ts"

const makeSystem = (link?: Parameters<typeof ChaosLink.make>[0]) => {
  const disk = makeDisk()
  const { AnomalyDetector } = makeWitness(disk).overrides
  const layer = PicTest.layerWith({
    overrides: {
      AnomalyDetector,
      AuditLogger: parts.AuditLogger.pipe(Layer.provide(disk.layer)),
      ...(link === undefined ? {} : { BrainLink: ChaosLink.make(link).layer.pipe(Layer.provide(InProcess.layer)) })
    }
  })
  return { disk, layer }
}

describe("a caller that is interrupted while it waits", () => {
  it.effect("for the evidence of its block: counted by its verdict, in the log, and nothing of it is left", () => {
    const { disk, layer } = makeSystem()
    const own = new OwnUsage()
    return Effect.gen(function*() {
      const { login: attack, ran } = makeLogin(hostile)
      const agent = yield* CellAgent
      const metrics = yield* PicMetrics
      yield* TestClock.adjust(100)
      const bytes = own.bytesUnsafe()
      disk.set("slow", 30)
      const caller = yield* Effect.forkChild(attack(...ordinary(1)), { startImmediately: true })
      yield* TestClock.adjust(10)
      assert.strictEqual((yield* agent.accounting).inFlight, 1)
      assert.isTrue(Exit.hasInterrupts(yield* Effect.andThen(Fiber.interrupt(caller), Fiber.await(caller))))
      assert.strictEqual((yield* agent.accounting).inFlight, 1, "its verdict is still to come")
      yield* TestClock.adjust(20)
      disk.set("well", 0)

      assert.deepInclude(yield* agent.accounting, { offered: 1, analysed: 1, failed: 0, inFlight: 0 })
      assert.strictEqual((yield* metrics.getStats).counters.decisions_blocked, 1)
      assert.strictEqual(ran.count, 0)
      assert.deepStrictEqual([...disk.durable.values()], [1])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(own.bytesUnsafe(), bytes)
      assert.isTrue((yield* (yield* AuditLogger).verify).ok)
    }).pipe(Effect.provide(layer), Effect.provideService(OwnResources, own))
  })

  it.effect("for a slow link: counted, its event delivered, the breaker closed and the buffer empty in the end", () => {
    const { layer } = makeSystem({ seed: 3, delay: 1, delayMsMax: 40, kind: "chaos" })
    return Effect.gen(function*() {
      const { login, ran } = makeLogin("login")
      const agent = yield* CellAgent
      const calls = 60
      for (let i = 0; i < calls; i++) {
        const caller = yield* Effect.forkChild(login(...ordinary(i)), { startImmediately: true })
        yield* TestClock.adjust(i % 15)
        yield* Fiber.interrupt(caller)
        assert.isTrue(balanced(yield* agent.accounting))
      }
      yield* TestClock.adjust("1 minute")
      const accounting = yield* agent.accounting
      assert.deepInclude(accounting, { offered: calls, inFlight: 0 })
      assert.isTrue(balanced(accounting))
      assert.isBelow(ran.count, calls)
      const status = yield* (yield* BrainConnector).status
      assert.deepInclude(status, { breaker: "closed", bufferedEvents: 0 })
    }).pipe(Effect.provide(layer))
  })
})
