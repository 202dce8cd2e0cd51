import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { life, pic, temporary } from "../../support/Cli.ts"
import { hostile, makeLogin, ordinary, train } from "../../support/Trained.ts"

describe("pic allow and pic exceptions", () => {
  it.live("a blocked call runs once its decision is allowed, over a restart as well, and until it is revoked", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const storage = ["--storage", directory]
      const { login } = makeLogin()
      const first = yield* life(directory)
      yield* Effect.provideContext(train(login), first.services)
      const { decisionId } = yield* Effect.provideContext(Effect.flip(login(...hostile)), first.services)

      assert.include((yield* pic(["exceptions", "list", ...storage])).out, "no exceptions")
      const unknown = yield* pic(["allow", "d-nothing", "--reason", "r", ...storage])
      assert.strictEqual(unknown.code, 1)
      assert.include(unknown.err, "not among the recent ones")
      const allowed = yield* pic(["allow", decisionId, "--for", "14d", "--reason", "a penetration test", ...storage])
      assert.deepInclude(allowed, { code: 0, err: "" })
      assert.notInclude(allowed.out, "DROP TABLE")
      yield* Effect.provideContext(login(...hostile), first.services)
      yield* first.end

      const second = yield* life(directory)
      yield* Effect.provideContext(login(...ordinary(3)), second.services)
      yield* Effect.provideContext(login(...hostile), second.services)
      const json = yield* pic(["exceptions", "list", "--json", ...storage])
      const [exception] = JSON.parse(json.out)
      assert.deepInclude(exception, { decisionId, fn: "login", hits: 2, reason: "a penetration test" })
      assert.strictEqual(exception.until - exception.createdAt, 14 * 86_400_000)
      assert.notStrictEqual(exception.owner, "")
      const list = yield* pic(["exceptions", "list", ...storage])
      assert.include(list.out, exception.id)
      assert.include(list.out, exception.owner)
      assert.include((yield* pic(["exceptions", "revoke", exception.id, ...storage])).out, exception.id)
      yield* Effect.flip(Effect.provideContext(login(...hostile), second.services))
      assert.strictEqual((yield* pic(["exceptions", "revoke", exception.id, ...storage])).code, 1)
      yield* second.end
      assert.strictEqual((yield* pic(["audit", "verify", ...storage])).code, 0)
    }))

  it.live("wrong spans, empty reasons and missing processes are refused", () =>
    Effect.gen(function*() {
      const storage = ["--storage", yield* temporary]
      const codes = [
        yield* pic(["allow", "d-1", "--for", "31d", "--reason", "r", ...storage]),
        yield* pic(["allow", "d-1", "--for", "soon", "--reason", "r", ...storage]),
        yield* pic(["allow", "d-1", "--reason", " ", ...storage]),
        yield* pic(["allow", "d-1", ...storage]),
        yield* pic(["allow", "d-1", "--reason", "r", ...storage]),
        yield* pic(["exceptions", "revoke", "x-1", ...storage])
      ].map(({ code }) => code)
      assert.deepStrictEqual(codes, [2, 2, 2, 2, 1, 1])
    }))
})

describe("pic relearn", () => {
  it.live("a function learns again, in the running process, and on record", () =>
    Effect.gen(function*() {
      const storage = ["--storage", yield* temporary]
      const { end, services } = yield* life(storage[1]!)
      const { login } = makeLogin()
      yield* Effect.provideContext(train(login), services)
      yield* Effect.flip(Effect.provideContext(login(...hostile), services))
      assert.match((yield* pic(["status", ...storage])).out, /login +ready +\d+ +0\.391 %\n/)
      const again = yield* pic(["relearn", "login", "--reason", "release 4.2", ...storage])
      assert.deepInclude(again, { code: 0, err: "" })
      assert.include(again.out, "login learns again")
      yield* Effect.provideContext(login(...hostile), services)
      assert.match((yield* pic(["status", ...storage])).out, /login +learning +1 +0 % /)
      yield* end
    }))

  it.live("without a reason, a known function or a process it is refused", () =>
    Effect.gen(function*() {
      const storage = ["--storage", yield* temporary]
      const codes = Effect.forEach([
        ["relearn", "login", ...storage],
        ["relearn", "login", "--reason", " ", ...storage],
        ["relearn", "", "--reason", "r", ...storage],
        ["relearn", "f".repeat(257), "--reason", "r", ...storage],
        ["relearn", "login", "--reason", "r", ...storage]
      ], (args) => Effect.map(pic(args), ({ code }) => code))
      assert.deepStrictEqual(yield* codes, [2, 2, 2, 2, 1])
      const { end } = yield* life(storage[1]!)
      assert.deepStrictEqual(yield* codes, [2, 2, 2, 2, 1])
      yield* end
    }))
})

describe("where a running change came from", () => {
  it.live("rollout status and config show say so, before and after a restart", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const storage = ["--storage", directory]
      const first = yield* life(directory)
      yield* pic(["rollout", "set", "--percent", "10", "--for", "2h", ...storage])
      const before = yield* pic(["rollout", "status", ...storage])
      assert.match(before.out, /mode from: code; percent from: runtime, until \d{4}-/)
      assert.match((yield* pic(["config", "show", ...storage])).out, /rollout\.percent +10 +runtime, until/)
      yield* first.end

      const stopped = yield* pic(["config", "show", ...storage])
      assert.match(stopped.out, /rollout\.percent +100 +default/)
      const second = yield* life(directory)
      const after = yield* pic(["rollout", "status", ...storage])
      assert.match(after.out, /percent from: runtime, restored, until \d{4}-/)
      assert.match(after.out, /rollout returns to enforce 100 % at/)
      const shown = JSON.parse((yield* pic(["config", "show", "--json", ...storage])).out)
      assert.strictEqual(shown.settings.rollout.percent, 10)
      assert.match(shown.origins["rollout.percent"], /^runtime, restored, until/)
      assert.strictEqual(shown.pid, process.pid)
      yield* pic(["rollout", "set", "--percent", "100", ...storage])
      yield* second.end

      const third = yield* life(directory)
      assert.match((yield* pic(["rollout", "status", ...storage])).out, /percent from: default/)
      yield* third.end
    }))
})
