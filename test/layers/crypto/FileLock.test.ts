import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { withLock } from "../../../src/layers/crypto/FileLock.ts"
import { temporaryDirectory } from "../store/Setup.ts"

describe("FileLock", () => {
  it.live("writes nothing, so that a full disk keeps nobody from taking it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = Path.join(directory, "keyset.json.lock")
      const seen = yield* withLock(path, Effect.sync(() => Fs.readdirSync(directory)))
      assert.deepStrictEqual(seen, ["keyset.json.lock"])
      assert.strictEqual(Fs.statSync(path).size, 0)
    }))

  it.live("is held by one at a time", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* temporaryDirectory, "lock")
      let inside = 0
      let most = 0
      const body = Effect.sync(() => (most = Math.max(most, ++inside))).pipe(
        Effect.andThen(Effect.sleep("5 millis")),
        Effect.andThen(Effect.sync(() => inside--))
      )
      yield* Effect.all([1, 2, 3].map(() => withLock(path, body)), { concurrency: "unbounded" })
      assert.strictEqual(most, 1)
    }))
})
