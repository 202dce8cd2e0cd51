import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { PicTest } from "effect-pic/testing"
import { layerKeyed } from "../../../src/layers/agent/TelemetryGenerator.ts"
import { TelemetryGenerator } from "../../../src/services/TelemetryGenerator.ts"
import { suite } from "../../contract/TelemetryGenerator.ts"

suite("fixed key", layerKeyed([1, 2]), layerKeyed([1, 3]))
suite("key of the keyset", PicTest.layer, PicTest.layerWith({ seed: 2 }))

describe("TelemetryGenerator", () => {
  it.effect("describes calls, keyed", () =>
    Effect.gen(function*() {
      const generator = yield* TelemetryGenerator
      const features = yield* generator.describe(["alice", { card: "4111-1111" }], new Set(["1.card"]))
      expect(features.arguments.map((a) => a.type)).toEqual(["string", "object", "redacted"])
      expect(generator.describeUnsafe(["alice"], undefined).arguments[0]?.value).toBe(features.arguments[0]?.value)
      const other = yield* TelemetryGenerator.pipe(Effect.provide(layerKeyed([1, 3])))
      expect(other.describeUnsafe(["alice"], undefined).arguments[0]?.value).not.toBe(features.arguments[0]?.value)
      expect(generator.hashUnsafe("alice")).not.toBe(other.hashUnsafe("alice"))
    }).pipe(Effect.provide(layerKeyed([1, 2]))))

  it.effect("answers even where a redaction set throws", () =>
    Effect.gen(function*() {
      const generator = yield* TelemetryGenerator
      const broken = new (class extends Set<string> {
        override has(): boolean {
          throw new Error("broken")
        }
      })()
      expect(generator.describeUnsafe(["x", "y"], broken)).toEqual({ arity: 2, arguments: [], truncated: true })
    }).pipe(Effect.provide(layerKeyed([1, 2]))))
})
