import { Layer } from "effect"
import { ChaosLink, PicTest } from "effect-pic/testing"
import * as InProcess from "../../../src/layers/link/InProcess.ts"
import { suite } from "../../contract/BrainLink.ts"

suite("in process", PicTest.layer)
suite(
  "chaos, quiet",
  PicTest.layerWith({
    overrides: { BrainLink: ChaosLink.make({ seed: 1 }).layer.pipe(Layer.provide(InProcess.layer)) }
  })
)
suite(
  "chaos, always late",
  PicTest.layerWith({
    overrides: {
      BrainLink: ChaosLink.make({ seed: 1, delay: 1, delayMsMax: 0 }).layer.pipe(Layer.provide(InProcess.layer))
    }
  })
)
