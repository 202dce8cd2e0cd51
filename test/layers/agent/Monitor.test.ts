import { Effect, Layer } from "effect"
import { MonitorTest, PicTest } from "effect-pic/testing"
import { AnomalyDetector } from "../../../src/services/AnomalyDetector.ts"
import { suite } from "../../contract/Monitor.ts"

/** A detector that takes every call for an attack. */
const suspicious = Layer.succeed(
  AnomalyDetector,
  AnomalyDetector.of({
    scoreUnsafe: () => ({ state: "ready", score: 50, pValue: 1e-9, findings: [] }),
    score: () => Effect.succeed({ state: "ready", score: 50, pValue: 1e-9, findings: [] })
  })
)

suite("the agent, learning", PicTest.layer, "allow")
suite("the agent, suspicious", PicTest.layerWith({ overrides: { AnomalyDetector: suspicious } }), "block")
suite("MonitorTest.layerAllowAll", MonitorTest.layerAllowAll, "allow")
suite("MonitorTest.layerBlockAll", MonitorTest.layerBlockAll, "block")
suite("MonitorTest.layerScripted", MonitorTest.layerScripted({ contract: ["block"] }), "block")
