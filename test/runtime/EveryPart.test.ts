import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { DoctorReport } from "../../src/domain/operate/DoctorReport.ts"
import * as PicClock from "../../src/layers/agent/PicClock.ts"
import * as PicConfig from "../../src/layers/config/PicConfig.ts"
import * as CryptoCore from "../../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../src/layers/crypto/KeyManager.ts"
import * as Embedded from "../../src/layers/Embedded.ts"
import * as Alerts from "../../src/layers/observability/Alerts.ts"
import * as PicHealth from "../../src/layers/observability/PicHealth.ts"
import * as PicMetrics from "../../src/layers/observability/PicMetrics.ts"
import * as AuditStore from "../../src/layers/store/AuditStore.ts"
import * as StateStore from "../../src/layers/store/StateStore.ts"
import * as TraceStore from "../../src/layers/store/TraceStore.ts"
import * as Doctor from "../../src/runtime/Doctor.ts"
import * as NoOps from "../support/NoOps.ts"

/** Every service of the design is on the path: a no-op in its place makes the doctor fail, and name it. */

const shipped = {
  PicConfig: PicConfig.layerSettings({ storage: { directory: "memory" }, rollout: { mode: "enforce" } }),
  PicClock: PicClock.layer,
  CryptoCore: CryptoCore.layer,
  KeyManager: KeyManager.layerMemory,
  AuditStore: AuditStore.layerMemory,
  StateStore: StateStore.layerMemory,
  TraceStore: TraceStore.layerMemory,
  Alerts: Alerts.layer,
  PicHealth: PicHealth.layer,
  PicMetrics: PicMetrics.layer
}
type Foundation = { readonly [K in keyof typeof shipped]: (typeof shipped)[K] }

const diagnose = (
  foundation: Partial<Foundation>,
  overrides: Embedded.Overrides
): Effect.Effect<DoctorReport, unknown> => {
  const base: Foundation = { ...shipped, ...foundation }
  const system = Embedded.layerWith(overrides).pipe(
    Layer.provideMerge(Layer.mergeAll(base.AuditStore, base.StateStore, base.TraceStore)),
    Layer.provideMerge(base.KeyManager),
    Layer.provideMerge(base.Alerts),
    Layer.provideMerge(Layer.mergeAll(base.PicMetrics, base.PicHealth)),
    Layer.provideMerge(Layer.mergeAll(base.PicConfig, base.PicClock, base.CryptoCore))
  )
  return Doctor.run({ thorough: true }).pipe(Effect.provide(system))
}

const complaints = (report: DoctorReport) =>
  report.hops.filter((hop) => !hop.ok).map((hop) => `${hop.service}: ${hop.detail}`)

describe("every part is on the path", () => {
  it.live("the shipped system is healthy: the control without which the table below proves nothing", () =>
    Effect.gen(function*() {
      const report = yield* diagnose({}, {})
      assert.deepStrictEqual(complaints(report), [])
      assert.isTrue(report.protecting)
    }))

  const cases = [
    ...Object.entries(NoOps.foundation).map(([name, layer]) => ({ name, run: () => diagnose({ [name]: layer }, {}) })),
    ...Object.entries(NoOps.parts).map(([name, layer]) => ({ name, run: () => diagnose({}, { [name]: layer }) }))
  ]
  it("the table holds every part of the embedded system and of its foundation", () => {
    assert.deepStrictEqual(
      cases.map(({ name }) => name).sort(),
      [...Object.keys(shipped), ...Object.keys(Embedded.parts)].sort()
    )
  })
  for (const { name, run } of cases) {
    it.live(`${name}: a no-op is named`, () =>
      Effect.gen(function*() {
        const report = yield* run()
        assert.include(
          report.hops.filter((hop) => !hop.ok).map((hop) => hop.service),
          name,
          complaints(report).join("\n")
        )
      }), 30_000)
  }
})
