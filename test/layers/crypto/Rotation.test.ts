import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { MacKey } from "../../../src/domain/keys/MacKey.ts"
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
      const outcome = yield* revokeUnderLoad({ directory: yield* temporaryDirectory, revocations: 2 })
      assert.strictEqual(outcome.acceptedAfter + outcome.ignored, 0, JSON.stringify(outcome))
      assert.lengthOf(outcome.arrivedMs.otherProcess, 2)
    }))

  it.live("positive control: a node that remembers keys on its own is seen to ignore a revocation", () =>
    Effect.gen(function*() {
      const remembered = new Map<string, MacKey>()
      const outcome = yield* revokeUnderLoad({
        directory: yield* temporaryDirectory,
        revocations: 1,
        replace: (keys) => ({
          ...keys,
          verifyKeyUnsafe: (purpose, id) => {
            const key = remembered.get(id) ?? keys.verifyKeyUnsafe(purpose, id)
            if (key !== undefined) remembered.set(id, key)
            return key
          }
        })
      })
      assert.isAbove(outcome.ignored, 0)
      assert.isAbove(outcome.acceptedAfter, 0)
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
