import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import * as Zlib from "node:zlib"
import { lineBytesMax } from "../../../src/runtime/replay/TraceFiles.ts"
import { pic, temporary } from "../../support/Cli.ts"
import { hostile, ordinary, times, write } from "./Traces.ts"

const valid = times(150, (i) => JSON.stringify(ordinary(i)))
const zipped = Zlib.gzipSync(valid.join("\n"))

interface Case {
  readonly name: string
  readonly content: string | Uint8Array
  readonly reason: string
}

const bad: ReadonlyArray<Case> = [
  { name: "empty.ndjson", content: "", reason: ": is empty" },
  { name: "blank.ndjson", content: "\n \r\n\n", reason: ": has no lines" },
  { name: "cut.ndjson", content: `${valid[0]}\n{"fn":"lo`, reason: ", line 2: is not JSON: Unterminated string" },
  { name: "wrong.ndjson", content: `${valid[0]}\n\n{"fn":7}\n`, reason: ", line 3: \"fn\" is 7, expected the name" },
  {
    name: "binary.ndjson",
    content: new Uint8Array([123, 0, 125]),
    reason: ", line 1: is not text: it has a zero byte"
  },
  { name: "latin1.ndjson", content: Buffer.from("{\"fn\":\"\xe4\"}\n", "latin1"), reason: "it is not valid UTF-8" },
  { name: "zipped.ndjson", content: zipped, reason: "is gzip data, but the name of the file does not end in .gz" },
  { name: "plain.ndjson.gz", content: valid.join("\n"), reason: ": is not intact gzip data" },
  {
    name: "cut.ndjson.gz",
    content: zipped.subarray(0, -200),
    reason: ": is cut off: the gzip data ends in the middle"
  },
  { name: "rotten.ndjson.gz", content: zipped.map((byte, i) => i === 400 ? byte ^ 255 : byte), reason: "gz: is " },
  {
    name: "huge.ndjson",
    content: "x".repeat(lineBytesMax + 1),
    reason: `, line 1: is longer than ${lineBytesMax} bytes`
  },
  { name: "evil\u001b[31m\n.ndjson", content: "[]\n", reason: "evil\\u001b[31m\\u000a.ndjson, line 1: is a list of 0" }
]

describe("unreadable traces", () => {
  for (const { content, name, reason } of bad) {
    it.live(`are refused before anything is done: ${JSON.stringify(name)}`, () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const fine = write(directory, "fine.ndjson", valid)
        const file = Path.join(directory, name)
        Fs.writeFileSync(file, content)
        const before = Fs.readdirSync(directory)
        const [scores, page] = [Path.join(directory, "scores"), Path.join(directory, "page")]
        const outputs = ["--scores", scores, "--report", page]
        for (const files of [["--learn", file, "--test", fine], ["--learn", fine, "--test", fine, "--test", file]]) {
          const { code, err, out } = yield* pic(["replay", ...files, ...outputs])
          assert.strictEqual(code, 2, err)
          assert.strictEqual(out, "")
          assert.include(err, reason)
          assert.strictEqual(err.split("\n").length, 2, "one line says it")
          assert.notInclude(err, "\u001b")
          assert.deepStrictEqual(Fs.readdirSync(directory), before)
        }
      }))
  }

  it.live("are refused where they are missing, a directory, or a pipe", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const fine = write(directory, "fine.ndjson", valid)
      const missing = yield* pic(["replay", "--learn", fine, "--test", Path.join(directory, "none"), "--json"])
      assert.strictEqual(missing.code, 2)
      assert.deepStrictEqual(JSON.parse(missing.out), { ok: false, error: `${directory}/none: there is no such file` })
      const folder = yield* pic(["replay", "--learn", directory, "--test", fine])
      assert.deepInclude(folder, { code: 2, err: `pic: ${directory}: is a directory, not a file\n` })
      const device = yield* pic(["replay", "--learn", fine, "--test", "/dev/null"])
      assert.strictEqual(device.code, 2)
      assert.include(device.err, "is not a regular file")
    }))

  it.live("take the longest line there may be, and a last line without a break", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const call = (value: string) => `{"fn":"f","args":["${value}"]}`
      const longest = call("x".repeat(lineBytesMax - call("").length))
      assert.strictEqual(longest.length, lineBytesMax)
      const learn = write(directory, "learn.ndjson", valid)
      const test = Path.join(directory, "test.ndjson")
      Fs.writeFileSync(test, `\ufeff${call("a")}\r\n${longest}\n${call("b")}`)
      const { code, err, out } = yield* pic(["replay", "--learn", learn, "--test", test, "--json"])
      assert.strictEqual(code, 0, err)
      assert.strictEqual(JSON.parse(out).lines, 3)
    }))
})

describe("result files", () => {
  it.live("are refused where they cannot be, and inputs are never overwritten", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const [learn, test] = [write(directory, "l.ndjson", valid), write(directory, "t.ndjson", valid)]
      const before = Fs.readFileSync(test)
      const args = ["replay", "--learn", learn, "--test", test]
      const cases: ReadonlyArray<readonly [string, string]> = [
        [test, "is one of the trace files"],
        [directory, "is not a regular file"],
        [Path.join(directory, "no", "scores"), "cannot be written (ENOENT)"]
      ]
      for (const [file, reason] of cases) {
        for (const flag of ["--scores", "--report"]) {
          const { code, err, out } = yield* pic([...args, flag, file])
          assert.deepStrictEqual([code, out], [2, ""])
          assert.include(err, reason)
        }
      }
      assert.deepStrictEqual(Fs.readFileSync(test), before)
      assert.deepStrictEqual(Fs.readdirSync(directory), ["l.ndjson", "t.ndjson"])
    }))

  it.live("replace an older one only when they are complete", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const [learn, test] = [write(directory, "l.ndjson", valid), write(directory, "t.ndjson", valid)]
      const scores = Path.join(directory, "scores")
      Fs.writeFileSync(scores, "older")
      const failed = yield* pic(["replay", "--learn", learn, "--test", test, "--scores", scores, "--report", directory])
      assert.strictEqual(failed.code, 2)
      assert.strictEqual(Fs.readFileSync(scores, "utf8"), "older")
      const done = yield* pic(["replay", "--learn", learn, "--test", test, "--scores", scores])
      assert.strictEqual(done.code, 0)
      assert.strictEqual(Fs.readFileSync(scores, "utf8").split("\n").length, 151)
    }))
})

describe("usage", () => {
  it.live("names the flag that is missing", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [[], "--learn and --test are missing"],
        [["--learn", "a"], "--test is missing"],
        [["--test", "a"], "--learn is missing"],
        [["--policy", "p.yaml", "--scores", "s"], "--scores and --report need a trace"],
        [["--learn", "a", "--test", "b", "stray", "--nonsense"], "nonsense"]
      ]
      for (const [args, message] of cases) {
        const { code, err } = yield* pic(["replay", ...args])
        assert.strictEqual(code, 2, err)
        assert.include(err, message)
      }
    }))
})

/** Runs the entry point as a process of its own. */
const run = (args: ReadonlyArray<string>): Promise<{ code: number | null; out: string; err: string }> => {
  const main = fileURLToPath(new URL("../../../src/runtime/cli/main.ts", import.meta.url))
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { env: { PATH: "" } })
    const written = { out: "", err: "" }
    child.stdout.on("data", (chunk: Buffer) => (written.out += chunk.toString("utf8")))
    child.stderr.on("data", (chunk: Buffer) => (written.err += chunk.toString("utf8")))
    child.on("close", (code) => resolve({ code, ...written }))
  })
}

describe("pic replay as a process", () => {
  it.live("exits with 0 and one object, or with 2 and a reason", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const learn = write(directory, "l.ndjson.gz", times(1_200, (i) => ordinary(i)))
      const test = write(directory, "t.ndjson", [...times(20, (i) => ordinary(i)), ...times(20, (i) => hostile(i))])
      const fine = yield* Effect.promise(() => run(["replay", "--learn", learn, "--test", test, "--json"]))
      assert.deepInclude(fine, { code: 0, err: "" })
      assert.strictEqual(fine.out.split("\n").length, 2)
      assert.strictEqual(JSON.parse(fine.out).auroc, 1)
      Fs.appendFileSync(test, "{")
      const broken = yield* Effect.promise(() => run(["replay", "--learn", learn, "--test", test]))
      assert.deepInclude(broken, { code: 2, out: "" })
      assert.include(broken.err, `${test}, line 41: is not JSON`)
    }))
})
