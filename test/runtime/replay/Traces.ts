import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Zlib from "node:zlib"

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
