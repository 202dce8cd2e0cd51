import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Data, Deferred, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { CallBlocked, Monitor } from "effect-pic"
import { MonitorTest } from "effect-pic/testing"
import type { CallSite, Judged } from "../../src/services/CellAgent.ts"
import { Monitor as MonitorService } from "../../src/services/Monitor.ts"

class Refused extends Data.TaggedError("Refused")<{ readonly why: string }> {}

/** Allows everything and remembers what it was asked and told. */
const makeRecording = () => {
  const asked: Array<{ readonly fn: string; readonly args: ReadonlyArray<unknown>; readonly session: string }> = []
  const told: Array<{ readonly fn: string; readonly kind: string; readonly tag: string }> = []
  const judge = (site: CallSite, args: ReadonlyArray<unknown>, session: string): Judged => {
    asked.push({ fn: site.fn, args, session })
    return { decision: allow, startedAt: 0, eventId: `e${asked.length}` }
  }
  const layer = Layer.succeed(
    MonitorService,
    MonitorService.of({
      enabledUnsafe: () => true,
      judgeUnsafe: judge,
      judgeNowUnsafe: judge,
      reportUnsafe: (site, _judged, kind, tag) => {
        told.push({ fn: site.fn, kind, tag })
      },
      decisions: Stream.empty
    })
  )
  return { asked, told, layer }
}
const allow = {
  id: "d",
  eventId: "e",
  action: "allow",
  source: "brain",
  reason: "",
  confidence: 1,
  pValue: 1,
  findings: [],
  wouldBlock: false
} as const

describe("Monitor.wrap, allowed", () => {
  it.effect("a success, a failure, a defect and an interruption pass through untouched and are reported", () =>
    Effect.gen(function*() {
      const { layer, told } = makeRecording()
      const started = yield* Deferred.make<void>()
      const run = Monitor.wrap("run", (how: "succeed" | "fail" | "die" | "hang" | "throw") => {
        switch (how) {
          case "succeed":
            return Effect.succeed(42)
          case "fail":
            return Effect.fail(new Refused({ why: "no" }))
          case "die":
            return Effect.die(new TypeError("bug"))
          case "hang":
            return Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
          case "throw":
            throw new RangeError("synchronous")
        }
      })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* run("succeed"), 42)
        const failure = yield* Effect.flip(run("fail"))
        assert.deepStrictEqual(failure, new Refused({ why: "no" }))
        const died = yield* Effect.exit(run("die"))
        assert.isTrue(Exit.isFailure(died) && Cause.squash(died.cause) instanceof TypeError)
        const thrown = yield* Effect.exit(run("throw"))
        assert.isTrue(Exit.isFailure(thrown) && Cause.squash(thrown.cause) instanceof RangeError)
        const fiber = yield* Effect.forkChild(run("hang"))
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(told.map(({ kind, tag }) => [kind, tag]), [
        ["success", ""],
        ["failure", "Refused"],
        ["defect", "TypeError"],
        ["interrupted", ""]
      ])
    }))

  it.effect("keeps `this`, the name and the number of parameters", () =>
    Effect.gen(function*() {
      class Account {
        balance = 10
        readonly add = Monitor.wrap("Account.add", function add(this: Account, n: number) {
          return Effect.succeed(this.balance += n)
        })
      }
      const account = new Account()
      assert.strictEqual(yield* account.add(5), 15)
      assert.strictEqual(account.add.name, "add")
      assert.strictEqual(account.add.length, 1)
    }).pipe(Effect.provide(MonitorTest.layerAllowAll)))

  it.effect("recursion is judged at every level", () =>
    Effect.gen(function*() {
      const { asked, layer } = makeRecording()
      const factorial: (n: number) => Effect.Effect<number, CallBlocked, MonitorService> = Monitor.wrap(
        "factorial",
        (n: number) => n <= 1 ? Effect.succeed(1) : Effect.map(factorial(n - 1), (rest) => rest * n)
      )
      assert.strictEqual(yield* Effect.provide(factorial(5), layer), 120)
      assert.deepStrictEqual(asked.map(({ args }) => args[0]), [5, 4, 3, 2, 1])
    }))

  it.effect("each run of the same effect is one call", () =>
    Effect.gen(function*() {
      const { asked, layer } = makeRecording()
      const once = Monitor.wrap("f", () => Effect.void)()
      yield* Effect.provide(Effect.andThen(once, once), layer)
      assert.strictEqual(asked.length, 2)
    }))

  it.effect("a stream is judged when it is pulled and reported when it ends", () =>
    Effect.gen(function*() {
      const { asked, layer, told } = makeRecording()
      const count = Monitor.wrapStream("count", (n: number) => Stream.range(1, n))
      const stream = count(3)
      assert.strictEqual(asked.length, 0)
      assert.deepStrictEqual(yield* Stream.runCollect(stream).pipe(Effect.provide(layer)), [1, 2, 3])
      assert.deepStrictEqual(told, [{ fn: "count", kind: "success", tag: "" }])
    }))

  it.effect("the session reaches child fibers; without one the trace groups the calls", () =>
    Effect.gen(function*() {
      const { asked, layer } = makeRecording()
      const f = Monitor.wrap("f", () => Effect.void)
      yield* Effect.gen(function*() {
        yield* Effect.all([f(), f()], { concurrency: 2 }).pipe(Monitor.withSession("s-1"))
        yield* f()
        yield* Effect.withSpan(f(), "span")
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(asked.slice(0, 3).map(({ session }) => session), ["s-1", "s-1", ""])
      assert.match(asked[3]!.session, /^[0-9a-f]{32}$/)
    }))
})

describe("Monitor.wrap, blocked", () => {
  it.effect("the function is never started, and the error carries the decision id and no explanation", () =>
    Effect.gen(function*() {
      let started = 0
      const f = Monitor.wrap("f", (_secret: string) => {
        started++
        return Effect.sync(() => started++)
      })
      const error = yield* Effect.flip(f("secret"))
      assert.isTrue(error instanceof CallBlocked)
      assert.strictEqual(error.reason._tag, "Anomalous")
      assert.strictEqual(error.decisionId, "test-1")
      assert.notInclude(JSON.stringify(error) + error.message, "secret")
      assert.strictEqual(started, 0)
    }).pipe(Effect.provide(MonitorTest.layerBlockAll)))

  it.effect("a stream that is blocked is never started", () =>
    Effect.gen(function*() {
      let started = 0
      const numbers = Monitor.wrapStream("numbers", () => {
        started++
        return Stream.make(1)
      })
      const error = yield* Effect.flip(Stream.runCollect(numbers()))
      assert.strictEqual(error.reason._tag, "Anomalous")
      assert.strictEqual(started, 0)
    }).pipe(Effect.provide(MonitorTest.layerBlockAll)))

  it.effect("onBlocked answers instead, with the arguments", () =>
    Effect.gen(function*() {
      const f = Monitor.wrap("f", (n: number) => Effect.succeed(n), {
        onBlocked: (error, n) => Effect.succeed(`${error.reason._tag} ${n}`)
      })
      assert.strictEqual(yield* f(7), "Anomalous 7")
    }).pipe(Effect.provide(MonitorTest.layerBlockAll)))

  it.effect("a script answers call by call, by source", () =>
    Effect.gen(function*() {
      const f = Monitor.wrap("f", () => Effect.succeed("ran"))
      assert.strictEqual(yield* f(), "ran")
      assert.strictEqual((yield* Effect.flip(f())).reason._tag, "FailedClosed")
      assert.strictEqual((yield* Effect.flip(f())).reason._tag, "Throttled")
    }).pipe(Effect.provide(MonitorTest.layerScripted({
      f: ["allow", { action: "block", source: "fail_closed" }, { action: "block", source: "throttled" }]
    }))))
})

describe("Monitor.wrap, the service", () => {
  it.effect("disabled: runs as if unwrapped and asks nobody", () =>
    Effect.gen(function*() {
      const { asked, layer } = makeRecording()
      const off = Layer.effect(
        MonitorService,
        Effect.map(MonitorService, (monitor) => ({ ...monitor, enabledUnsafe: () => false }))
      ).pipe(Layer.provide(layer))
      assert.strictEqual(yield* Effect.provide(Monitor.wrap("f", () => Effect.succeed(1))(), off), 1)
      assert.strictEqual(asked.length, 0)
    }))

  it.effect("without the service the program does not run, as for any missing requirement", () =>
    Effect.gen(function*() {
      const f = Monitor.wrap("f", () => Effect.succeed(1))
      const exit = yield* Effect.exit(Effect.provideContext(f(), Context.empty() as Context.Context<MonitorService>))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }))

  it("a name that cannot be one is refused at once", () => {
    assert.throws(() => Monitor.wrap("", () => Effect.void), RangeError)
    assert.throws(() => Monitor.wrap("x".repeat(257), () => Effect.void), RangeError)
  })
})
