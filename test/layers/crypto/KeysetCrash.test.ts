import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { killRound } from "../../support/keys/Keysets.ts"
import { openNode } from "../../support/keys/KeyNode.ts"
import { makeRandom } from "../../support/Seeded.ts"
import { temporaryDirectory } from "../store/Setup.ts"

describe("a keyset whose processes are killed while they rotate", () => {
  it.live("is whole, never older than acknowledged, and open to the next process at once", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const random = makeRandom(1)
      for (let round = 0; round < 3; round++) {
        const { acknowledged, failures, wrong } = yield* killRound(directory, random)
        assert.isUndefined(wrong, `round ${round}`)
        assert.isAbove(acknowledged, 1)
        assert.strictEqual(failures, 0, "the processes must not disturb each other")
      }
    }))

  it.live("positive control: a file that is written in place is found cut", () =>
    Effect.gen(function*() {
      const random = makeRandom(2)
      let found: string | undefined
      for (let round = 0; found === undefined && round < 40; round++) {
        const directory = yield* temporaryDirectory
        yield* Effect.scoped(openNode(directory))
        found = (yield* killRound(directory, random, "in-place")).wrong
      }
      assert.match(found ?? "", /the file is not a keyset|the file is damaged/)
    }))
})
