import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Layer, References, Scope } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { dispatch } from "../../../src/runtime/cli/Dispatch.ts"
import { Streams } from "../../../src/runtime/cli/Output.ts"
import * as Pic from "../../../src/runtime/Pic.ts"
import { hostile, makeLogin, ordinary, train } from "../../support/Trained.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-cli-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

const pic = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const written = { out: "", err: "" }
    const code = yield* dispatch(args).pipe(
      Effect.provideService(Streams, {
        out: (text) => Effect.sync(() => void (written.out += text)),
        err: (text) => Effect.sync(() => void (written.err += text)),
        terminal: false
      }),
      Effect.provideService(References.MinimumLogLevel, "None"),
      Effect.provide(Layer.merge(NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))))
    )
    return { code, ...written }
  })

/** One life of a protected process on a directory. */
const life = Effect.fnUntraced(function*(directory: string) {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(
    Pic.layerWith({
      files: [],
      settings: {
        storage: { directory },
        audit: { wait_ms: 5_000 },
        cellagent: { fail_mode: "closed", global_rate_limit: 1e6, per_function_limit: 1e6, deadline_ms: 5_000 },
        rollout: { mode: "enforce" }
      }
    }),
    scope
  ).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  return { services, end: Scope.close(scope, Exit.void) }
})

describe("pic allow and pic exceptions", () => {
  it.live("a blocked call runs once its decision is allowed, over a restart as well, and until it is revoked", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const storage = ["--storage", directory]
      const { login } = makeLogin()
      const first = yield* life(directory)
      yield* Effect.provideContext(train(login), first.services)
      const { decisionId } = yield* Effect.provideContext(Effect.flip(login(...hostile)), first.services)

      assert.include((yield* pic("exceptions", "list", ...storage)).out, "no exceptions")
      const unknown = yield* pic("allow", "d-nothing", "--reason", "r", ...storage)
      assert.strictEqual(unknown.code, 1)
      assert.include(unknown.err, "not among the recent ones")
      const allowed = yield* pic("allow", decisionId, "--for", "14d", "--reason", "a penetration test", ...storage)
      assert.deepInclude(allowed, { code: 0, err: "" })
      assert.notInclude(allowed.out, "DROP TABLE")
      yield* Effect.provideContext(login(...hostile), first.services)
      yield* first.end

      const second = yield* life(directory)
      yield* Effect.provideContext(login(...ordinary(3)), second.services)
      yield* Effect.provideContext(login(...hostile), second.services)
      const json = yield* pic("exceptions", "list", "--json", ...storage)
      const [exception] = JSON.parse(json.out)
      assert.deepInclude(exception, { decisionId, fn: "login", hits: 2, reason: "a penetration test" })
      assert.strictEqual(exception.until - exception.createdAt, 14 * 86_400_000)
      assert.notStrictEqual(exception.owner, "")
      const list = yield* pic("exceptions", "list", ...storage)
      assert.include(list.out, exception.id)
      assert.include(list.out, exception.owner)
      assert.include((yield* pic("exceptions", "revoke", exception.id, ...storage)).out, exception.id)
      yield* Effect.flip(Effect.provideContext(login(...hostile), second.services))
      assert.strictEqual((yield* pic("exceptions", "revoke", exception.id, ...storage)).code, 1)
      yield* second.end
      assert.strictEqual((yield* pic("audit", "verify", ...storage)).code, 0)
    }))

  it.live("wrong spans, empty reasons and missing processes are refused", () =>
    Effect.gen(function*() {
      const storage = ["--storage", yield* temporary]
      const codes = [
        yield* pic("allow", "d-1", "--for", "31d", "--reason", "r", ...storage),
        yield* pic("allow", "d-1", "--for", "soon", "--reason", "r", ...storage),
        yield* pic("allow", "d-1", "--reason", " ", ...storage),
        yield* pic("allow", "d-1", ...storage),
        yield* pic("allow", "d-1", "--reason", "r", ...storage),
        yield* pic("exceptions", "revoke", "x-1", ...storage)
      ].map(({ code }) => code)
      assert.deepStrictEqual(codes, [2, 2, 2, 2, 1, 1])
    }))
})

describe("where a running change came from", () => {
  it.live("rollout status and config show say so, before and after a restart", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const storage = ["--storage", directory]
      const first = yield* life(directory)
      yield* pic("rollout", "set", "--percent", "10", "--for", "2h", ...storage)
      const before = yield* pic("rollout", "status", ...storage)
      assert.match(before.out, /mode from: code; percent from: runtime, until \d{4}-/)
      assert.match((yield* pic("config", "show", ...storage)).out, /rollout\.percent +10 +runtime, until/)
      yield* first.end

      const stopped = yield* pic("config", "show", ...storage)
      assert.match(stopped.out, /rollout\.percent +100 +default/)
      const second = yield* life(directory)
      const after = yield* pic("rollout", "status", ...storage)
      assert.match(after.out, /percent from: runtime, restored, until \d{4}-/)
      assert.match(after.out, /rollout returns to enforce 100 % at/)
      const shown = JSON.parse((yield* pic("config", "show", "--json", ...storage)).out)
      assert.strictEqual(shown.settings.rollout.percent, 10)
      assert.match(shown.origins["rollout.percent"], /^runtime, restored, until/)
      assert.strictEqual(shown.pid, process.pid)
      yield* pic("rollout", "set", "--percent", "100", ...storage)
      yield* second.end

      const third = yield* life(directory)
      assert.match((yield* pic("rollout", "status", ...storage)).out, /percent from: default/)
      yield* third.end
    }))
})
