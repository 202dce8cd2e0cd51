import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CallBlocked, type DecisionRecord, PicConfigError, PicRuntime, type SettingsInput } from "effect-pic"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { setImmediate as tick } from "node:timers/promises"
import { balanced } from "../../src/domain/flow/Accounting.ts"
import { parts } from "../../src/layers/Embedded.ts"
import { AnomalyDetector } from "../../src/services/AnomalyDetector.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { BaselineProfiler } from "../../src/services/BaselineProfiler.ts"
import { hostile, ordinary } from "../support/Trained.ts"

const settings = {
  rollout: { mode: "enforce" },
  brain: { min_seconds: 0 },
  storage: { directory: "memory" }
} as const satisfies SettingsInput

const closed = { ...settings, cellagent: { fail_mode: "closed" } } as const satisfies SettingsInput

const made: Array<PicRuntime.PicRuntime> = []
const make = (options: PicRuntime.PicRuntimeOptions = { settings }): PicRuntime.PicRuntime => {
  const runtime = PicRuntime.make({ files: [], stopOnSignals: false, ...options })
  made.push(runtime)
  return runtime
}
afterEach(async () => {
  await Promise.all(made.splice(0).map((runtime) => runtime.stop()))
})

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => assert.fail("it did not reject"), (error: unknown) => error)

const blockedBy = async (promise: Promise<unknown>): Promise<string> => {
  const error = await rejection(promise)
  assert.isTrue(error instanceof CallBlocked, String(error))
  return error instanceof CallBlocked ? error.reason._tag : ""
}

const makeLogin = (runtime: PicRuntime.PicRuntime, options?: PicRuntime.WrapAsyncOptions<[string, number], number>) => {
  const ran = { count: 0 }
  const login = runtime.wrap("login", async (user: string, _attempt: number) => {
    ran.count++
    return user.length
  }, options)
  return { login, ran }
}

const train = async (login: (user: string, attempt: number) => Promise<number>) => {
  for (let i = 0; i < 1_500; i++) await login(...ordinary(i))
}

describe("PicRuntime.wrap", () => {
  it("gives the result, the rejection and a synchronous throw of the function, and calls it once", async () => {
    const runtime = make()
    const failure = new RangeError("no such page")
    let calls = 0
    const run = runtime.wrap("run", (how: string): Promise<string> => {
      calls++
      if (how === "throw") throw failure
      return how === "reject" ? Promise.reject(failure) : Promise.resolve(how)
    })
    assert.strictEqual(await run("fine"), "fine")
    assert.strictEqual(await rejection(run("reject")), failure)
    assert.strictEqual(await rejection(run("throw")), failure)
    assert.strictEqual(calls, 3)
    const { accounting } = await runtime.getStats()
    assert.strictEqual(accounting.offered, 3)
    assert.isTrue(balanced(accounting))
  })

  it("keeps `this` and type parameters", async () => {
    const runtime = make()
    class Box {
      readonly label = "box"
      readonly describe = runtime.wrap("box.describe", async function(this: Box, what: string) {
        return `${this.label} of ${what}`
      })
    }
    assert.strictEqual(await new Box().describe("tea"), "box of tea")
    const identity = runtime.wrap("identity", async <A>(value: A): Promise<A> => value)
    const text: unknown = await identity("text")
    assert.strictEqual(text, "text")
  })

  it("trained and enforcing: the hostile call rejects, with an id and without an explanation, and never runs", async () => {
    const runtime = make()
    const { login, ran } = makeLogin(runtime)
    await train(login)
    const before = ran.count
    const error = await rejection(login(...hostile))
    assert.isTrue(error instanceof CallBlocked && error.reason._tag === "Anomalous" && error.decisionId !== "")
    assert.notInclude(JSON.stringify(error), "DROP")
    assert.strictEqual(ran.count, before)
    assert.strictEqual(await login(...ordinary(7)), ordinary(7)[0].length)
    const { accounting, brain } = await runtime.getStats()
    assert.strictEqual(brain.blocked, 1)
    assert.strictEqual(accounting.inFlight, 0)
    assert.isTrue(balanced(accounting))
  })

  it("onBlocked answers instead, with the error and the arguments, later too", async () => {
    const runtime = make()
    const seen: Array<string> = []
    const { login } = makeLogin(runtime, {
      onBlocked: async (error, user) => {
        await tick()
        seen.push(error.reason._tag, user)
        return -1
      }
    })
    await train(login)
    assert.strictEqual(await login(...hostile), -1)
    assert.deepStrictEqual(seen, ["Anomalous", hostile[0]])
  })

  it("an outcome is reported once the promise has settled, with how and how long", async () => {
    const told: Array<string> = []
    const listening = Layer.effect(
      BaselineProfiler,
      Effect.map(BaselineProfiler, (profiler) =>
        BaselineProfiler.of({
          ...profiler,
          learnOutcomeUnsafe: (report) => {
            told.push(`${report.fn} ${report.outcome.kind} ${report.outcome.tag}`)
            return profiler.learnOutcomeUnsafe(report)
          }
        }))
    ).pipe(Layer.provide(parts.BaselineProfiler))
    const runtime = make({ settings, overrides: { BaselineProfiler: listening } })
    const work = runtime.wrap("work", async (ok: boolean) => {
      await tick()
      if (!ok) throw new TypeError("bug")
    })
    await work(true)
    await rejection(work(false))
    await runtime.stop()
    assert.deepStrictEqual(told, ["work success ", "work failure TypeError"])
  })

  it("a session holds through awaits and timers, and not beyond its run", async () => {
    const sessions: Array<string> = []
    const listening = Layer.effect(
      AnomalyDetector,
      Effect.map(AnomalyDetector, (detector) =>
        AnomalyDetector.of({
          ...detector,
          scoreUnsafe: (event) => {
            sessions.push(event.session)
            return detector.scoreUnsafe(event)
          }
        }))
    ).pipe(Layer.provide(parts.AnomalyDetector))
    const runtime = make({ settings, overrides: { AnomalyDetector: listening } })
    const read = runtime.wrap("read", async (page: string) => page)
    await runtime.start()
    const visit = (session: string) =>
      runtime.withSession(session, async () => {
        await read("first")
        await tick()
        await read("second")
      })
    await Promise.all([visit("anna"), visit("bert")])
    await read("outside")
    const distinct = new Set(sessions)
    assert.strictEqual(sessions.length, 5)
    assert.strictEqual(distinct.size, 3)
    assert.strictEqual(sessions.at(-1), "")
    assert.notInclude(sessions.join(), "anna", "the name itself stays in the agent")
  })
})

describe("PicRuntime.decisions", () => {
  it("streams every decision with its function, starting the runtime where needed", async () => {
    const runtime = make()
    await runtime.start()
    const { login } = makeLogin(runtime)
    const reader = runtime.decisions()[Symbol.asyncIterator]()
    const seen: Array<DecisionRecord> = []
    const reading = reader.next().then((one) => one.done === true ? undefined : seen.push(one.value))
    while (seen.length === 0) {
      await login(...ordinary(1))
      await tick()
    }
    await reading
    assert.deepStrictEqual(seen.map(({ decision, fn }) => [fn, decision.action, decision.source]), [
      ["login", "allow", "training"]
    ])
    await reader.return?.()
  })
})

describe("start and stop", () => {
  it("the first call starts it, as `start` does; a second start changes nothing", async () => {
    const runtime = make()
    const { login } = makeLogin(runtime)
    assert.isUndefined(PicRuntime.getCurrent())
    await login(...ordinary(1))
    assert.strictEqual(PicRuntime.getCurrent(), runtime)
    await runtime.start()
    assert.strictEqual((await runtime.getStats()).accounting.offered, 1)
    await runtime.stop()
    assert.isUndefined(PicRuntime.getCurrent())
  })

  it("a wrong configuration: start rejects and says why; calls follow the fail mode", async () => {
    const wrong = { brain: { false_positive_rate: 7 }, storage: { directory: "memory" } } as const
    for (const mode of ["open", "closed"] as const) {
      const runtime = make({ settings: { ...wrong, cellagent: { fail_mode: mode } } })
      const { login, ran } = makeLogin(runtime)
      if (mode === "open") assert.strictEqual(await login("anna", 1), 4)
      else assert.strictEqual(await blockedBy(login("anna", 1)), "FailedClosed")
      const error = await rejection(runtime.start())
      assert.isTrue(error instanceof PicConfigError)
      assert.include(String(error), "brain.false_positive_rate")
      assert.strictEqual(ran.count, mode === "open" ? 1 : 0)
      assert.isUndefined(PicRuntime.getCurrent())
    }
  })

  it("storage that cannot be opened: fail closed refuses to start, wherever the mode was configured", async () => {
    const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-runtime-"))
    try {
      const file = Path.join(directory, "cellagent.yaml")
      Fs.writeFileSync(file, "cellagent:\n  fail_mode: closed\n")
      const runtime = make({ files: [file], settings: { storage: { directory: "/dev/null/not-a-directory" } } })
      const { login, ran } = makeLogin(runtime)
      assert.strictEqual(await blockedBy(login("anna", 1)), "FailedClosed")
      assert.include(String(await rejection(runtime.start())), "/dev/null/not-a-directory")
      assert.strictEqual(ran.count, 0)
    } finally {
      Fs.rmSync(directory, { recursive: true })
    }
  })

  it("storage that cannot be opened: fail open protects from memory, and says so", async () => {
    const runtime = make({ settings: { ...settings, storage: { directory: "/dev/null/not-a-directory" } } })
    const { login } = makeLogin(runtime)
    await train(login)
    assert.strictEqual(await blockedBy(login(...hostile)), "Anomalous")
    const { health } = await runtime.getStats()
    assert.strictEqual(health.state, "degraded")
    assert.include(health.line, "in memory only")
  })

  for (const mode of ["open", "closed"] as const) {
    it(`after a stop, fail mode ${mode} decides, whether or not it was started before`, async () => {
      for (const started of [true, false]) {
        const runtime = make({ settings: mode === "open" ? settings : closed })
        const { login, ran } = makeLogin(runtime)
        if (started) await login(...ordinary(1))
        const before = ran.count
        await Promise.all([runtime.stop(), runtime.stop()])
        if (mode === "open") assert.strictEqual(await login("anna", 1), 4)
        else assert.strictEqual(await blockedBy(login("anna", 1)), "FailedClosed")
        assert.strictEqual(ran.count, before + (mode === "open" ? 1 : 0))
        assert.include(String(await rejection(runtime.start())), "stopped")
      }
    })
  }

  it("the mode of the function wins over the configured one", async () => {
    const runtime = make({ settings: closed })
    const open = runtime.wrap("open", async () => "ran", { failMode: "open" })
    await runtime.start()
    await runtime.stop()
    assert.strictEqual(await open(), "ran")
  })

  it("no call passes while a closed runtime stops", async () => {
    const runtime = make({ settings: closed })
    const { login, ran } = makeLogin(runtime)
    await runtime.start()
    const stopping = runtime.stop()
    const calls: Array<Promise<unknown>> = []
    const state = { stopped: false }
    void stopping.finally(() => {
      state.stopped = true
    })
    while (!state.stopped) {
      calls.push(login(...hostile).catch((error: unknown) => error))
      await tick()
    }
    const results = await Promise.all(calls)
    assert.isAbove(results.length, 0)
    const judged = results.filter((result) => typeof result === "number").length
    assert.strictEqual(judged, ran.count, "only calls that the brain still judged may have run")
  })

  it("a call that waits for the evidence of its block gets its block, though the runtime stops meanwhile", async () => {
    const evidence = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const slow = Layer.effect(
      AuditLogger,
      Effect.map(AuditLogger, (audit) =>
        AuditLogger.of({
          ...audit,
          record: (kind, body) => {
            asked.resolve()
            return Effect.andThen(Effect.promise(() => evidence.promise), audit.record(kind, body))
          }
        }))
    ).pipe(Layer.provide(parts.AuditLogger))
    const runtime = make({ settings: { ...settings, audit: { wait_ms: 2_000 } }, overrides: { AuditLogger: slow } })
    const { login, ran } = makeLogin(runtime)
    await train(login)
    const before = ran.count
    const waiting = blockedBy(login(...hostile))
    await asked.promise
    const stopping = runtime.stop()
    await tick()
    evidence.resolve()
    assert.strictEqual(await waiting, "Anomalous")
    await stopping
    assert.strictEqual(ran.count, before)
  })
})
