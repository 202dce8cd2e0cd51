import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { keyRefusals } from "../../support/keys/KeyNode.ts"
import { revokeUnderLoad, rotateUnderLoad } from "../../support/keys/RotationLoad.ts"
import { temporaryDirectory } from "../store/Setup.ts"

describe("keys rotate under load", () => {
  it.live("100 rotations by three nodes in two processes: no valid message is refused", () =>
    Effect.gen(function*() {
      const outcome = yield* rotateUnderLoad({ directory: yield* temporaryDirectory, rotations: 100, seed: 1 })
      assert.strictEqual(keyRefusals(outcome.verdicts), 0, JSON.stringify(outcome))
      assert.isAbove(outcome.verdicts["accepted"] ?? 0, 1_000)
      assert.isAbove(outcome.signers, 5)
      assert.deepStrictEqual(outcome.generations, [101, 101, 101])
    }))

  it.live("revocations are in force at once where they are made, and soon everywhere, for good", () =>
    Effect.gen(function*() {
      const outcome = yield* revokeUnderLoad(yield* temporaryDirectory, 3)
      assert.strictEqual(outcome.acceptedAfter, 0, JSON.stringify(outcome))
      assert.lengthOf(outcome.arrivedMs.otherProcess, 3)
    }))

  it.live("positive control: a process that does not look for new keys is seen to refuse valid messages", () =>
    Effect.gen(function*() {
      const known = new Set<string>()
      const outcome = yield* rotateUnderLoad({
        directory: yield* temporaryDirectory,
        rotations: 10,
        seed: 2,
        replace: (keys) => ({
          ...keys,
          verifyKeyUnsafe: (purpose, id) => {
            if (known.size < 2) known.add(id)
            return known.has(id) ? keys.verifyKeyUnsafe(purpose, id) : undefined
          }
        })
      })
      assert.isAbove(keyRefusals(outcome.verdicts), 0)
    }))
})
