import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { TelemetryGenerator } from "../../src/services/TelemetryGenerator.ts"

/** What every TelemetryGenerator owes; two layers given here hold different keys. */
export const suite = (
  name: string,
  layer: Layer.Layer<TelemetryGenerator, unknown>,
  otherKey: Layer.Layer<TelemetryGenerator, unknown>
) =>
  describe(`TelemetryGenerator (${name})`, () => {
    it.effect("describes the same arguments the same way, by effect or at once", () =>
      Effect.gen(function*() {
        const generator = yield* TelemetryGenerator
        const args = ["blue shoes", 2, { card: "4111" }, [true, null]]
        const features = yield* generator.describe(args)
        assert.strictEqual(features.arity, 4)
        assert.deepStrictEqual(generator.describeUnsafe(args, undefined), features)
        assert.notDeepEqual(
          generator.describeUnsafe(["red shoes", 2, { card: "4111" }, [true, null]], undefined),
          features
        )
      }).pipe(Effect.provide(layer)))

    it.effect("lets no raw value out, and nothing but the type of what is redacted", () =>
      Effect.gen(function*() {
        const generator = yield* TelemetryGenerator
        const secret = "Correct-Horse-7"
        assert.notInclude(JSON.stringify(yield* generator.describe([secret, { password: secret }])), secret)
        const redact = new Set(["0"])
        assert.deepStrictEqual(
          generator.describeUnsafe([secret], redact),
          generator.describeUnsafe(["another text of another length"], redact)
        )
      }).pipe(Effect.provide(layer)))

    it.effect("never throws and never runs a getter, whatever it is given", () =>
      Effect.gen(function*() {
        const generator = yield* TelemetryGenerator
        let ran = 0
        const trap = {
          get value() {
            ran++
            throw new Error("never")
          },
          toJSON() {
            ran++
            throw new Error("never")
          }
        }
        const circle: Array<unknown> = []
        circle.push(circle)
        const revoked = Proxy.revocable({}, {})
        revoked.revoke()
        const features = generator.describeUnsafe([trap, circle, revoked.proxy, () => 1, Symbol("s"), 1n], undefined)
        assert.strictEqual(features.arity, 6)
        assert.strictEqual(ran, 0)
      }).pipe(Effect.provide(layer)))

    it.effect("hashes a subject to 32 bits, the same with one key and another with another", () =>
      Effect.gen(function*() {
        const generator = yield* TelemetryGenerator
        const hash = generator.hashUnsafe("anna")
        assert.isTrue(Number.isInteger(hash) && Math.abs(hash) < 2 ** 32)
        assert.strictEqual(generator.hashUnsafe("anna"), hash)
        assert.notStrictEqual(generator.hashUnsafe("bert"), hash)
        const other = yield* TelemetryGenerator.pipe(Effect.provide(otherKey, { local: true }))
        assert.notStrictEqual(other.hashUnsafe("anna"), hash)
      }).pipe(Effect.provide(layer)))
  })
