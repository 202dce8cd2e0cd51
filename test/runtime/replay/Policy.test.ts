import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Contrast } from "../../../src/domain/replay/Counterfactual.ts"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as PicConfig from "../../../src/layers/config/PicConfig.ts"
import * as CryptoCore from "../../../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../../src/layers/crypto/KeyManager.ts"
import * as Embedded from "../../../src/layers/Embedded.ts"
import * as AuditStore from "../../../src/layers/store/AuditStore.ts"
import * as StateStore from "../../../src/layers/store/StateStore.ts"
import * as TraceStoreLayer from "../../../src/layers/store/TraceStore.ts"
import * as Monitor from "../../../src/runtime/Monitor.ts"
import { BaselineProfiler } from "../../../src/services/BaselineProfiler.ts"
import { CellAgent } from "../../../src/services/CellAgent.ts"
import { TraceStore } from "../../../src/services/TraceStore.ts"
import { pic, temporary } from "../../support/Cli.ts"
import { hostile, ordinary, times, write } from "./Traces.ts"

/** Calls that are unusual to different degrees: some of them lie between any two sensible budgets. */
const oddities: ReadonlyArray<readonly [string, number]> = [
  ["anna.bert1234", 1],
  ["Anna.bert12", 1],
  ["anna.bert12", 4],
  ["anna.bert13", 9],
  ["anna.zoe12", 1],
  ["anna.bert", 2],
  ["annabert12", 1],
  ["anna.bert.carla12", 1]
]
const odd = (i: number): object => ({ fn: "login", args: oddities[i % oddities.length], y: 0 })

/** The budget in force, and that of the candidate. */
const strict = 0.00001
const lenient = 0.01

const files = Effect.gen(function*() {
  const directory = yield* temporary
  const learn = write(directory, "l.ndjson", times(1_500, (i) => ordinary(i)))
  const test = write(directory, "t.ndjson", [
    ...times(200, (i) => ordinary(i * 3 + 1)),
    ...times(8, odd),
    ...times(20, (i) => hostile(i))
  ])
  const current = Path.join(directory, "pic.yaml")
  Fs.writeFileSync(current, `brain:\n  false_positive_rate: ${strict}\n`)
  return { directory, args: ["replay", "--learn", learn, "--test", test, "-c", current] }
})

const policy = (directory: string, text: string): string => {
  const file = Path.join(directory, "candidate.yaml")
  Fs.writeFileSync(file, text)
  return file
}

describe("pic replay --policy over a trace", () => {
  it.live("says what a candidate would block, and what of it is new, with reasons", () =>
    Effect.gen(function*() {
      const { args, directory } = yield* files
      const candidate = policy(directory, `brain:\n  false_positive_rate: ${lenient}\n`)
      const { code, err, out } = yield* pic([...args, "--policy", candidate, "--json"])
      assert.strictEqual(code, 0, err)
      const report = JSON.parse(out)
      assert.deepStrictEqual(report.changes, [{ key: "brain.false_positive_rate", from: strict, to: lenient }])
      assert.strictEqual(report.judged, 228)
      assert.strictEqual(report.blockedBefore, report.current.blocked)
      assert.strictEqual(report.blocked, report.candidate.blocked)
      assert.strictEqual(report.blocked - report.newlyBlocked, report.blockedBefore - report.noLongerBlocked)
      assert.isAbove(report.newlyBlocked, 0)
      assert.deepInclude(report.newBlocks[0], { before: "allow", after: "block", fn: "login" })
      assert.match(report.newBlocks[0].place, /t\.ndjson, line \d+$/)
      assert.isAbove(report.newBlocks[0].findings.length, 0)
      const text = yield* pic([...args, "--policy", candidate])
      assert.include(text.out, "brain.false_positive_rate: 0.00001 -> 0.01")
      assert.include(text.out, "Newly blocked, the least likely first:")
    }))

  it.live("finds no difference where there is none, and says why", () =>
    Effect.gen(function*() {
      const { args, directory } = yield* files
      const { out } = yield* pic([
        ...args,
        "--policy",
        policy(directory, "rollout:\n  mode: enforce\n  percent: 10\n"),
        "--json"
      ])
      const report = JSON.parse(out)
      assert.deepInclude(report, { newlyBlocked: 0, noLongerBlocked: 0, newBlocks: [], lostBlocks: [] })
      assert.include(report.notes.join("; "), "changes nothing that decides about a verdict")
      assert.include(report.notes.join("; "), "enforces for 10 % of the subjects")
    }))

  it.live("refuses a candidate that is no configuration, whole", () =>
    Effect.gen(function*() {
      const { args, directory } = yield* files
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["brain:\n  false_positive_rate: 7\n", "brain.false_positive_rate is 7, expected a number from 0.00001 to 0.1"],
        ["brain:\n  false_positive_rat: 0.01\n", "did you mean brain.false_positive_rate?"],
        ["", "is empty"]
      ]
      for (const [text, message] of cases) {
        const { code, err, out } = yield* pic([...args, "--policy", policy(directory, text)])
        assert.deepStrictEqual([code, out], [2, ""])
        assert.include(err, message)
      }
      const missing = yield* pic([...args, "--policy", Path.join(directory, "none.yaml")])
      assert.strictEqual(missing.code, 2)
      assert.include(missing.err, "there is no such file")
    }))
})

/** A system with stores, at a pace that the test sets: how fast the test runs must not look like a call rate. */
const startMs = Date.UTC(2026, 0, 1)
const clock = PicClock.makeManual(startMs)
const system = (directory: string) =>
  Embedded.layerWith({}).pipe(
    Layer.provideMerge(Layer.mergeAll(AuditStore.layerMemory, StateStore.layerSqlite, TraceStoreLayer.layerSqlite)),
    Layer.provideMerge(KeyManager.layerFile),
    Layer.provideMerge(Embedded.observability),
    Layer.provideMerge(
      Layer.mergeAll(
        PicConfig.layerSettings({ storage: { directory }, brain: { false_positive_rate: strict } }),
        clock.layer,
        CryptoCore.layer
      )
    )
  )

/** A service that learned, then met odd calls and attacks while observing. */
const served = (directory: string) =>
  Effect.gen(function*() {
    const login = Monitor.wrap("login", (_user: string, _attempt: number) => Effect.void)
    let now = startMs
    const call = (line: object) => {
      clock.set(now += 10_000)
      const [user, attempt] = (line as { args: readonly [string, number] }).args
      return Effect.ignore(login(user, attempt))
    }
    const agent = yield* CellAgent
    for (const line of times(1_500, (i) => ordinary(i))) yield* call(line)
    yield* agent.flush
    yield* (yield* BaselineProfiler).finishLearning
    // Reading writes what waits: a batch has no room for all of these calls and the next ones.
    yield* (yield* TraceStore).recent(1)
    for (const line of [...times(60, (i) => ordinary(i * 3 + 1)), ...times(8, odd), ...times(5, (i) => hostile(i))]) {
      yield* call(line)
    }
    yield* agent.flush
  }).pipe(Effect.provide(Layer.provide(system(directory), Logger.layer([]))))

describe("pic replay --policy over the trace store", () => {
  it.live("puts the candidate to the recent decisions, and explains by the saved baselines", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const storage = Path.join(directory, "state")
      yield* served(storage)
      const candidate = policy(directory, `brain:\n  false_positive_rate: ${lenient}\n`)
      const { code, err, out } = yield* pic(["replay", "--policy", candidate, "--storage", storage, "--json"])
      assert.strictEqual(code, 0, err)
      const report = JSON.parse(out)
      assert.isAtLeast(report.judged, 5)
      assert.isAbove(report.blockedBefore, 0)
      assert.isAbove(report.newlyBlocked, 0)
      assert.match(report.newBlocks[0].place, /^decision d-/)
      // Some look ordinary by now: calls that were allowed are learned from.
      const explained = (report.newBlocks as ReadonlyArray<Contrast>).filter(({ findings }) => findings.length > 0)
      assert.isAbove(explained.length, 0)
      assert.notInclude(report.notes.join("; "), "not explained")
      assert.include(report.notes.join("; "), "is a sample")
      const text = yield* pic(["replay", "--policy", candidate, "--storage", storage])
      assert.include(text.out, "recent decisions the candidate would block")
      const same = policy(directory, `brain:\n  false_positive_rate: ${strict}\n`)
      const fewer = JSON.parse((yield* pic(["replay", "--policy", same, "--storage", storage, "--json"])).out)
      assert.strictEqual(fewer.newlyBlocked, 0)
    }))

  it.live("says that nothing is stored where nothing is, and makes nothing", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const candidate = policy(directory, "brain:\n  false_positive_rate: 0.01\n")
      const storage = Path.join(directory, "state")
      const { code, err } = yield* pic(["replay", "--policy", candidate, "--storage", storage])
      assert.strictEqual(code, 2)
      assert.include(err, "no recent calls are stored")
      assert.isFalse(Fs.existsSync(storage))
    }))
})
