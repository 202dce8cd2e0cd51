import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Path from "node:path"
import { pic, temporary } from "../../support/Cli.ts"
import { read, times, write } from "./Traces.ts"

const replay = (learn: ReadonlyArray<unknown>, test: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const scores = Path.join(directory, "scores.ndjson")
    const [a, b] = [write(directory, "learn.ndjson", learn), write(directory, "test.ndjson", test)]
    const { code, err, out } = yield* pic(["replay", "--learn", a, "--test", b, "--scores", scores, "--json"])
    assert.strictEqual(code, 0, err)
    return { report: JSON.parse(out), actions: read(scores).map(({ action }) => action), scores: read(scores) }
  })

const minute = 60_000
const monday = 1_732_500_000_000
/** A call of a steady function, one every ten seconds or so. */
const steady = (fn: string, start: number) => (i: number, more: object = {}): object => ({
  fn,
  args: [i % 7],
  t: start + i * 10_000 + (i * 7_919) % 3_000,
  ...more
})

describe("trace time", () => {
  const poll = steady("poll", monday)
  const after = monday + 2_000 * 10_000

  it.live("finds a burst by the times of the trace", () =>
    Effect.gen(function*() {
      const burst = times(200, (i) => ({ fn: "poll", args: [i % 7], t: after + i * 2 }))
      const { actions, report } = yield* replay(times(2_000, poll), burst)
      assert.isAbove(actions.filter((action) => action === "block").length, 100)
      assert.deepStrictEqual(report.notes.filter((note: string) => note.startsWith("call rates")), [])
    }))

  it.live("judges no rate for a function of which any line has no time", () =>
    Effect.gen(function*() {
      const burst = times(200, (i) => ({ fn: "poll", args: [i % 7], t: after + i * 2 }))
      const { report } = yield* replay([...times(2_000, poll), { fn: "poll", args: [1] }], burst)
      assert.strictEqual(report.blocked, 0)
      assert.include(report.notes.join("; "), "call rates were not judged for 1 functions")
    }))

  it.live("keeps functions that were recorded years apart apart", () =>
    Effect.gen(function*() {
      const [old, recent] = [steady("old", monday - 5e10), steady("recent", monday)]
      // After the recent function was learned, the calls of the old one all lie in the past of the clock.
      const learn = [...times(1_500, (i) => old(i)), ...times(1_500, (i) => recent(i))]
      const test = [...times(300, (i) => old(1_500 + i, { y: 0 })), ...times(300, (i) => recent(1_500 + i, { y: 0 }))]
      const { report } = yield* replay(learn, test)
      assert.isAtMost(report.blocked, 2)
    }))

  it.live("takes test lines from the same days as the learning lines for what they are", () =>
    Effect.gen(function*() {
      const lines = times(2_000, (i) => poll(i, { y: 0 }))
      const { report } = yield* replay(lines.filter((_, i) => i % 2 === 0), lines.filter((_, i) => i % 2 === 1))
      assert.isAtMost(report.blocked, 2)
    }))

  it.live("learns until the learning files end, however many they are", () =>
    Effect.gen(function*() {
      // A form that comes only in the last tenth of learning must still be learned in full.
      const learn = times(
        5_000,
        (i) => ({ fn: "f", args: [i < 4_500 ? `id-${i % 90}` : `(${i % 90})`], t: monday + i * minute })
      )
      const { report } = yield* replay(
        learn,
        times(50, (i) => ({ fn: "f", args: [`(${i})`], y: 0, t: monday + (5_000 + i) * minute }))
      )
      assert.strictEqual(report.blocked, 0)
    }))

  it.live("alerts on durations that no learned call had, exactly as the trace says them", () =>
    Effect.gen(function*() {
      const timed = (dur: number) => ({ fn: "query", args: ["a"], t: monday, dur, ok: true })
      // A few microseconds: lost in the difference of two epoch times, unless the trace's own figure counts.
      const learn = times(2_000, (i) => timed(0.001 + (i % 50) * 1e-5))
      const { actions, scores } = yield* replay(learn, [timed(0.0012), timed(9_000), timed(0.0011)])
      assert.deepStrictEqual(actions, ["allow", "alert", "allow"])
      assert.isAbove(Number(scores[1]!["score"]), 3)
    }))

  it.live("takes a failure that no learned call had for what it is", () =>
    Effect.gen(function*() {
      const call = (ok: boolean) => ({ fn: "query", args: ["a"], ok })
      const { actions, report } = yield* replay(times(3_000, () => call(true)), [call(true), call(false)])
      assert.deepStrictEqual(actions, ["allow", "alert"])
      assert.include(report.notes.join("; "), "durations were not judged for 1 functions")
    }))

  it.live("scores a session by its worst moment", () =>
    Effect.gen(function*() {
      const session = (slow: number, y: number) => ({
        calls: times(40, (i) => [i % 2 === 0 ? "open" : "read", i === 17 ? slow : 2 + (i % 5) / 10]),
        y
      })
      const learn = times(200, () => session(2.2, 0))
      const { report, scores } = yield* replay(learn, [session(2.2, 0), session(5_000, 1), session(2.3, 0)])
      assert.deepInclude(report, { lines: 3, calls: 120, auroc: 1, alerted: 1 })
      assert.deepStrictEqual(scores.map(({ action }) => action), ["allow", "alert", "allow"])
      const alone = yield* replay(learn, [{ calls: [["read", 5_000]], y: 1 }])
      assert.strictEqual(alone.scores[0]!["score"], scores[1]!["score"])
    }))

  it.live("replays sequences of numbers, and an empty one", () =>
    Effect.gen(function*() {
      const seq = (i: number) => ({ id: `s${i}`, seq: times(30, (n) => (n + i) % 3), y: 0, k: "norm" })
      const { report } = yield* replay(times(100, seq), [...times(10, seq), { seq: [], y: 1 }])
      assert.deepInclude(report, { lines: 11, calls: 300, learned: { lines: 100, calls: 3_000 } })
    }))
})
