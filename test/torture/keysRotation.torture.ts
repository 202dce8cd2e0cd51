import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporaryDirectory } from "../layers/store/Setup.ts"
import { keyRefusals } from "../support/keys/KeyNode.ts"
import { revokeUnderLoad, rotateUnderLoad } from "../support/keys/RotationLoad.ts"

const rotations = 1_000
const revocations = 30
const seed = Number(process.env["PIC_TORTURE_SEED"] ?? 1)

describe("keys under torture: rotation", () => {
  it.live(`${rotations} rotations under continuous load in two processes refuse no valid message`, () =>
    Effect.gen(function*() {
      const outcome = yield* rotateUnderLoad({ directory: yield* temporaryDirectory, rotations, seed })
      process.stdout.write(`keys/rotation seed ${seed}: ${JSON.stringify(outcome)}\n`)
      assert.strictEqual(keyRefusals(outcome.verdicts), 0)
      assert.isAbove(outcome.verdicts["accepted"] ?? 0, 100_000)
      assert.isAbove(outcome.disabled["unknown_key"] ?? 0, 100, "no disabled key was tried")
      assert.strictEqual(outcome.disabled["accepted"] ?? 0, 0)
    }))

  it.live(`${revocations} revocations arrive in every process and stay in force`, () =>
    Effect.gen(function*() {
      const outcome = yield* revokeUnderLoad({ directory: yield* temporaryDirectory, revocations })
      process.stdout.write(`keys/revocation: ${JSON.stringify(outcome)}\n`)
      assert.strictEqual(outcome.acceptedAfter + outcome.ignored, 0)
    }))
})
