import * as NodeServices from "@effect/platform-node/NodeServices"
import { ConfigProvider, Effect, Layer, References } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Zlib from "node:zlib"
import { dispatch } from "../../../src/runtime/cli/Dispatch.ts"
import { Streams } from "../../../src/runtime/cli/Output.ts"

/** A directory of a test's own. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-replay-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** Runs a command line as the process would: its exit code and what it wrote. */
export const pic = (args: ReadonlyArray<string>, terminal = false) =>
  Effect.gen(function*() {
    const written = { out: "", err: "" }
    const code = yield* dispatch(args).pipe(
      Effect.provideService(Streams, {
        out: (text) => Effect.sync(() => void (written.out += text)),
        err: (text) => Effect.sync(() => void (written.err += text)),
        terminal
      }),
      Effect.provideService(References.MinimumLogLevel, "None"),
      Effect.provide(Layer.merge(NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))))
    )
    return { code, ...written }
  })

/** Writes a trace, compressed where its name says so. */
export const write = (directory: string, name: string, lines: ReadonlyArray<unknown>): string => {
  const file = Path.join(directory, name)
  const text = lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("")
  Fs.writeFileSync(file, name.endsWith(".gz") ? Zlib.gzipSync(text) : text)
  return file
}

const names = ["anna", "bert", "carla", "dario", "emma", "felix", "greta", "hugo", "ida", "jonas"]

/** An ordinary call of one function. */
export const ordinary = (i: number, more: object = {}): object => ({
  fn: "login",
  args: [`${names[i % 10]}.${names[(i * 7 + 3) % 10]}${(i * 37) % 1_000}`, 1 + i % 3],
  y: 0,
  k: "norm",
  ...more
})

const payloads = ["' OR 1=1; --", "<script>alert(1)</script>", "$(reboot)", "../../etc/passwd", "'; DROP TABLE t; --"]

/** An attack on it. */
export const hostile = (i: number, more: object = {}): object => ({
  fn: "login",
  args: [payloads[i % payloads.length], 1],
  y: 1,
  k: i % 2 === 0 ? "even" : "odd",
  ...more
})

export const times = <A>(count: number, make: (i: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, i) => make(i))

/** The objects of an NDJSON file. */
export const read = (file: string): ReadonlyArray<Record<string, unknown>> =>
  Fs.readFileSync(file, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line))
