import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Overrides } from "../../../src/layers/Embedded.ts"
import * as AuditLoggerLayer from "../../../src/layers/brain/AuditLogger.ts"
import * as ReplayGuardLayer from "../../../src/layers/brain/ReplayGuard.ts"
import * as FailPolicyLayer from "../../../src/layers/agent/FailPolicy.ts"
import * as PicTest from "../../../src/layers/testing/PicTest.ts"
import type { DemoData } from "../../../src/runtime/demo/DemoData.ts"
import * as Progress from "../../../src/runtime/demo/Progress.ts"
import * as Shop from "../../../src/runtime/demo/Shop.ts"
import * as ShopClient from "../../../src/runtime/demo/ShopClient.ts"
import * as ShopServer from "../../../src/runtime/demo/ShopServer.ts"
import * as Envelopes from "../../../src/runtime/demo/stages/Envelopes.ts"
import * as Evidence from "../../../src/runtime/demo/stages/Evidence.ts"
import * as Outage from "../../../src/runtime/demo/stages/Outage.ts"
import * as Stopwatch from "../../../src/runtime/demo/Stopwatch.ts"
import * as Wiretap from "../../../src/runtime/demo/Wiretap.ts"
import { AuditLogger } from "../../../src/services/AuditLogger.ts"
import { FailPolicy } from "../../../src/services/FailPolicy.ts"
import { ReplayGuard } from "../../../src/services/ReplayGuard.ts"

/** The whole demo in small: the shop over HTTP, protected by the embedded system, with parts replaced. */
const world = (wiretap: Wiretap.Wiretap, overrides: Overrides) =>
  ShopClient.layer.pipe(
    Layer.provideMerge(ShopServer.layer),
    Layer.provideMerge(Layer.mergeAll(Shop.layer, Stopwatch.layer, Progress.layerSilent)),
    Layer.provideMerge(PicTest.layerWith({ overrides: { BrainLink: wiretap.layer, ...overrides } }))
  )

const few = (values: ReadonlyArray<string>) => [...values, ...values.map((value) => `${value}x`)]
const pool = {
  email: ["ana@example.org", "bo@example.org"],
  card: ["4823192107223935", "8789249856609623"],
  customer: few(["12345678z"]),
  postal: few(["28013"]),
  amount: ["12", "70"],
  word: few(["ana", "bo"]),
  phrase: few(["blue shoes"]),
  password: few(["a1b2c3"]),
  address: few(["calle mayor, 1"])
}
const data: DemoData = { learn: pool, test: pool, attacks: [] }

const problems = (name: "envelopes" | "outage" | "evidence", overrides: Overrides = {}) => {
  const wiretap = Wiretap.make()
  const stages = { envelopes: Envelopes.stage(wiretap), outage: Outage.stage(data), evidence: Evidence.stage }
  return Effect.gen(function*() {
    if (name !== "evidence") return (yield* stages[name].run).problems
    yield* stages.envelopes.run
    return (yield* stages.evidence.run).problems
  }).pipe(Effect.provide(world(wiretap, overrides)))
}

describe("stages of the demo", () => {
  for (const name of ["envelopes", "outage", "evidence"] as const) {
    it.live(`${name}: nothing to complain about as shipped`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* problems(name), [])
      }))
  }

  it.live("envelopes: a guard that accepts everything is found", () =>
    Effect.gen(function*() {
      const found = yield* problems("envelopes", {
        ReplayGuard: Layer.effect(
          ReplayGuard,
          Effect.map(ReplayGuard, (guard) => ReplayGuard.of({ ...guard, acceptUnsafe: () => "accepted" }))
        ).pipe(Layer.provide(ReplayGuardLayer.layerMemory))
      })
      assert.include(found, "a replayed envelope was accepted")
    }))

  it.live("outage: a closed mode that opens is found", () =>
    Effect.gen(function*() {
      const found = yield* problems("outage", {
        FailPolicy: Layer.effect(
          FailPolicy,
          Effect.map(FailPolicy, (policy) =>
            FailPolicy.of({
              ...policy,
              decideUnsafe: (failure, event, call) => policy.decideUnsafe(failure, event, { ...call, failMode: "open" })
            }))
        ).pipe(Layer.provide(FailPolicyLayer.layer))
      })
      assert.match(found.join("\n"), /fail-closed refused only 0 of/)
    }))

  it.live("evidence: a log that does not verify is found", () =>
    Effect.gen(function*() {
      const found = yield* problems("evidence", {
        AuditLogger: Layer.effect(
          AuditLogger,
          Effect.map(AuditLogger, (audit) =>
            AuditLogger.of({
              ...audit,
              verify: Effect.map(audit.verify, (report) => ({ ...report, ok: false, detail: "record 3: bad hash" }))
            }))
        ).pipe(Layer.provide(AuditLoggerLayer.layer))
      })
      assert.deepStrictEqual(found, ["the evidence does not verify: record 3: bad hash"])
    }))
})
