import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

/** What a traced process did to the disk, in order, and what it acknowledged in between. */
export type Operation =
  | { readonly type: "create"; readonly path: string }
  | { readonly type: "write"; readonly path: string; readonly offset: number; readonly data: Uint8Array }
  | { readonly type: "truncate"; readonly path: string; readonly length: number }
  | { readonly type: "unlink"; readonly path: string }
  | { readonly type: "sync"; readonly path: string }
  | { readonly type: "output"; readonly text: string }

/** Whether this machine lets one process trace another: containers often do not. */
export const canTrace = (): boolean =>
  spawnSync("strace", ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", process.execPath, "-e", "0"]).status === 0

/** A new directory, in memory where there is a file system for that: a simulated crash needs no real disk. */
export const scratchDirectory = (): string =>
  Fs.realpathSync(Fs.mkdtempSync(Path.join(Fs.existsSync("/dev/shm") ? "/dev/shm" : Os.tmpdir(), "pic-trace-")))

/** The bytes of `\x00\x01…`, as `strace -xx` prints strings. */
const bytesOf = (text: string): Uint8Array => Buffer.from(text.replaceAll("\\x", ""), "hex")

/** `-y` prints descriptors as `3</path>`; under `-xx` the path is in hexadecimal as well. */
const pathOf = (descriptor: string): string => {
  const inner = /<(.*)>/.exec(descriptor)?.[1] ?? ""
  return inner.includes("\\x") ? Buffer.from(bytesOf(inner)).toString() : inner
}

const parseCall = (name: string, args: string, result: string): ReadonlyArray<Operation> => {
  if (result.startsWith("-")) return []
  const string = /"((?:\\x[0-9a-f]{2})*)"/.exec(args)?.[1] ?? ""
  const path = pathOf(args.split(", ")[0] ?? "")
  const named = Buffer.from(bytesOf(string)).toString()
  switch (name) {
    case "pwrite64":
      return [{ type: "write", path, offset: Number(/, (\d+)$/.exec(args)?.[1]), data: bytesOf(string) }]
    case "write":
      return args.startsWith("1<") ? [{ type: "output", text: named }] : []
    case "fsync":
    case "fdatasync":
      return [{ type: "sync", path }]
    case "ftruncate":
      return [{ type: "truncate", path, length: Number(args.split(", ")[1]) }]
    case "unlink":
      return [{ type: "unlink", path: named }]
    case "openat":
      return args.includes("O_CREAT") ? [{ type: "create", path: named }] : []
    default:
      throw new Error(`the replay does not know the call ${name}`)
  }
}

/** Reads the output of strace; joins calls that it printed in two parts because another thread came between. */
const parse = (trace: string): ReadonlyArray<Operation> => {
  const begun = new Map<string, string>()
  return trace.split("\n").flatMap((line) => {
    const thread = /^\d+/.exec(line)?.[0] ?? ""
    let rest = line.slice(thread.length).trimStart()
    if (rest.endsWith("<unfinished ...>")) {
      begun.set(thread, rest.slice(0, -"<unfinished ...>".length).trimEnd())
      return []
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    if (resumed !== null) rest = `${begun.get(thread) ?? ""}${resumed[1] ?? ""}`
    const open = rest.indexOf("(")
    const close = rest.lastIndexOf(") ")
    if (open < 0 || close < 0) return []
    return parseCall(rest.slice(0, open), rest.slice(open + 1, close).trimEnd(), rest.slice(rest.lastIndexOf("= ") + 2))
  })
}

const calls = "openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,renameat,renameat2"

/** Runs a script to its end and returns what it did to the files of a directory. */
export const record = (script: string, args: ReadonlyArray<string>, directory: string): ReadonlyArray<Operation> => {
  const output = `${directory}.strace`
  const options = ["-f", "-qq", "-y", "-xx", "-s", "70000", "-o", output, "-e", `trace=${calls}`, "-e", "signal=none"]
  const ran = spawnSync("strace", [...options, process.execPath, script, ...args], { encoding: "utf8" })
  if (ran.status !== 0) throw new Error(`the traced process failed: ${ran.stderr}`)
  const trace = Fs.readFileSync(output, "latin1")
  Fs.rmSync(output)
  return parse(trace).filter((operation) => operation.type === "output" || operation.path.startsWith(directory))
}
