import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Metrics from "../../../src/domain/replay/Metrics.ts"
import { pic, temporary } from "../../support/Cli.ts"
import { hostile, ordinary, read, times, write } from "./Traces.ts"

const learned = times(1_500, (i) => ordinary(i))
const tested = [
  ...times(300, (i) => ordinary(i * 11 + 5)),
  ...times(60, (i) => hostile(i)),
  ...times(100, (i) => ordinary(i * 13 + 2))
]

/** Replays with `--json` and `--scores`; the report and the scores. */
const replay = (learn: ReadonlyArray<unknown>, test: ReadonlyArray<unknown>, more: ReadonlyArray<string> = []) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const scores = Path.join(directory, "scores.ndjson")
    const args = [
      "--learn",
      write(directory, "learn.ndjson.gz", learn),
      "--test",
      write(directory, "test.ndjson", test)
    ]
    const { code, err, out } = yield* pic(["replay", ...args, "--scores", scores, "--json", ...more])
    assert.strictEqual(code, 0, err)
    assert.strictEqual(out.split("\n").length, 2, "one line and nothing else")
    return { report: JSON.parse(out), scores: read(scores), err, directory }
  })

const actions = (scores: ReadonlyArray<Record<string, unknown>>) => scores.map(({ action }) => action)

describe("pic replay", () => {
  it.live("finds the attacks, and says how sure it is", () =>
    Effect.gen(function*() {
      const { err, report, scores } = yield* replay(learned, tested)
      assert.strictEqual(err, "")
      assert.deepInclude(report, { ok: true, lines: 460, attacks: 60, normal: 400, unlabelled: 0, auroc: 1 })
      assert.deepStrictEqual(report.tpr, { "0.01": 1, "0.001": 1 })
      assert.strictEqual(report.threshold.nominalFpr, 0.001)
      assert.isAtLeast(report.threshold.tpr, 0.95)
      assert.isAtMost(report.threshold.realisedFpr, 0.01)
      assert.strictEqual(report.threshold.realisedFprPerCall, report.threshold.realisedFpr, "each line is one call")
      assert.deepStrictEqual(Object.keys(report.byKind), ["even", "norm", "odd"])
      assert.isAbove(report.decisionsPerSecond, 0)
      assert.isAbove(report.scoreUs, 0)
      assert.deepStrictEqual(scores.map(({ line }) => line), Array.from({ length: 460 }, (_, i) => i + 1))
      assert.deepStrictEqual(Object.keys(scores[0]!), ["line", "score", "action"])
      assert.strictEqual(scores.filter(({ action }) => action === "block").length, report.blocked)
    }))

  it.live("gives the same figures to whoever scores its scores again", () =>
    Effect.gen(function*() {
      // Attacks that look nearly normal, so that there is something to rank.
      const test = tested.map((line, i) => i % 40 === 7 ? { ...line, y: 1, k: "hidden" } : line)
      const { report, scores } = yield* replay(learned, test)
      const of = (y: number) =>
        Float64Array.from(scores.filter((_, i) => (test[i] as { y: number }).y === y), ({ score }) => Number(score))
          .sort()
      assert.isBelow(report.auroc, 1)
      assert.strictEqual(Metrics.auroc(of(0), of(1)), report.auroc)
      assert.strictEqual(Metrics.tprAt(of(0), of(1), 0.01), report.tpr["0.01"])
      assert.strictEqual(Metrics.tprAt(of(0), of(1), 0.001), report.tpr["0.001"])
      // Positive control: scores that do not belong to their lines give another curve.
      const shifted = scores.map((_, i) => ({ score: scores[(i + 40) % scores.length]!["score"] }))
      const wrong = (y: number) =>
        Float64Array.from(shifted.filter((_, i) => (test[i] as { y: number }).y === y), ({ score }) => Number(score))
          .sort()
      assert.notStrictEqual(Metrics.auroc(wrong(0), wrong(1)), report.auroc)
    }))

  it.live("never shows the labels to the brain, and gives the same scores twice", () =>
    Effect.gen(function*() {
      const { scores } = yield* replay(learned, tested)
      const flip = (line: object) => ({ ...line, y: 1 - (line as { y: number }).y, k: "flipped" })
      const flipped = yield* replay(learned.map(flip), tested.map(flip))
      assert.deepStrictEqual(flipped.scores, scores)
      const bare = tested.map((line) => ({ ...line, y: undefined, k: undefined }))
      const unlabelled = yield* replay(learned, bare)
      assert.deepStrictEqual(unlabelled.scores, scores)
      assert.deepInclude(unlabelled.report, { unlabelled: 460, auroc: null })
      assert.include(flipped.report.notes.join("; "), "1500 lines of the learning files are labelled as attacks")
    }))

  it.live("judges a call whose arguments have names by those names", () =>
    Effect.gen(function*() {
      const named = (line: object) => {
        const [user, attempt] = (line as { args: ReadonlyArray<unknown> }).args
        return { ...line, args: [["user", user], ["attempt", attempt]] }
      }
      const { report } = yield* replay(learned.map(named), tested.map(named))
      assert.strictEqual(report.auroc, 1)
      const odd = [{ fn: "login", args: [["user", "anna.bert1"], ["attempt", 1], ["admin", true]], y: 1 }]
      const { scores } = yield* replay(learned.map(named), odd)
      assert.deepStrictEqual(actions(scores), ["block"])
    }))

  it.live("takes several files, spread over flags or not, and names them in the scores", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const [a, b] = [
        write(directory, "a.ndjson", learned.slice(0, 700)),
        write(directory, "b.ndjson.gz", learned.slice(700))
      ]
      const [c, d] = [
        write(directory, "c.ndjson", tested.slice(0, 5)),
        write(directory, "d.ndjson", tested.slice(5, 8))
      ]
      const scores = Path.join(directory, "s.ndjson")
      const spread = yield* pic(["replay", "--learn", a, b, "--test", c, d, "--json", "--scores", scores])
      assert.strictEqual(spread.code, 0, spread.err)
      assert.deepInclude(JSON.parse(spread.out), { lines: 8, learned: { lines: 1_500, calls: 1_500 } })
      assert.deepStrictEqual(read(scores).map(({ file, line }) => [file, line]), [
        ...times(5, (i) => [c, i + 1]),
        ...times(3, (i) => [d, i + 1])
      ])
      const repeated = yield* pic(["replay", "--learn", a, "--learn", b, "--test", c, "--test", d, "--json"])
      assert.strictEqual(JSON.parse(repeated.out).lines, 8)
    }))

  it.live("writes a page, and text for people, with progress on a terminal only", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const [learn, test] = [write(directory, "l.ndjson", learned), write(directory, "t.ndjson", tested)]
      const page = Path.join(directory, "report.html")
      const { code, err, out } = yield* pic(["replay", "--learn", learn, "--test", test, "--report", page], {
        terminal: true
      })
      assert.strictEqual(code, 0, err)
      assert.match(err, /checking \[.*learning \[.*testing \[#{30}\] 100 %/s)
      for (const part of ["AUROC", "KIND", "decisions per second"]) assert.include(out, part)
      assert.match(Fs.readFileSync(page, "utf8"), /^<!doctype html>[\s\S]*<\/html>\n$/)
      assert.strictEqual(Fs.statSync(page).mode & 0o777, 0o600)
      const json = yield* pic(["replay", "--learn", learn, "--test", test, "--json"], { terminal: true })
      assert.strictEqual(json.err, "")
    }))
})
