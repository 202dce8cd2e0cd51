import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Acknowledged, acknowledgements, openLog, verifyLog } from "./Files.ts"

/** One system call on one file, its n-th time, and what happens to it. */
export interface Fault {
  readonly file: string
  readonly call: string
  readonly effect: string
  readonly nth: number
}

/** What became of a writer and of its log. */
export interface FaultOutcome {
  /** `quiet`: the fault did not fire. `healed`: it did, and nobody who appended noticed. */
  readonly end: "quiet" | "healed" | "failed" | "killed"
  /** What must not be, or `undefined`. */
  readonly wrong: string | undefined
}

/** Groups that the writer appends under each fault, with a reopening half-way. */
export const groups = 8

/**
 * How often a descriptor was written to after its sync had failed: never, if nobody trusts a second fsync. SQLite itself
 * syncs once more while it closes; what it then moves into the database had been synced before.
 */
const writesAfterFailedSync = (trace: string, file: string): number => {
  let failed: string | undefined
  let writes = 0
  for (const line of trace.split("\n")) {
    const call = /(\w+)\((\d+)<([^>]*)>/.exec(line)
    if (call === null || !(call[3] ?? "").endsWith(file)) continue
    const [, name = "", descriptor] = call
    if (name === "pwrite64" && descriptor === failed) writes++
    if (name.endsWith("sync") && line.includes("(INJECTED)")) failed = descriptor
    if (name === "close" && descriptor === failed) failed = undefined
  }
  return writes
}

/** A process that writes, and what is wrong with what it left after it printed this. */
export interface FaultSubject {
  readonly script: string
  readonly more: ReadonlyArray<string>
  readonly inspect: (directory: string, output: string) => Promise<string | undefined>
}

const logSubject: FaultSubject = {
  script: Path.join(import.meta.dirname, "LimitedWriter.ts"),
  more: [],
  inspect: async (directory, output) => inspectLog(directory, acknowledgements(output))
}

/** Runs a writer over the files in a directory with one fault planted, then looks at what it left. */
export const runWithFault = async (
  directory: string,
  { call, effect, file, nth }: Fault,
  synchronous: "FULL" | "RETRY" = "FULL",
  { inspect, more, script }: FaultSubject = logSubject
): Promise<FaultOutcome> => {
  const trace = `${directory}.strace`
  const options = ["-f", "-qq", "-y", "-o", trace, "-P", Path.join(directory, file)]
  const inject = ["-e", `trace=${call},fsync,fdatasync,pwrite64,close`, "-e", `inject=${call}:${effect}:when=${nth}`]
  const ran = spawnSync("strace", [
    ...options,
    ...inject,
    process.execPath,
    script,
    directory,
    String(groups),
    synchronous,
    ...more
  ], {
    encoding: "utf8",
    timeout: 60_000
  })
  const killed = ran.status !== 0
  const lines = ran.stdout.split("\n")
  const failures = lines.filter((line) => line.startsWith("failed"))
  const traced = Fs.readFileSync(trace, "latin1")
  const reused = writesAfterFailedSync(traced, file)
  Fs.rmSync(trace)
  const wrong = reused > 0
    ? "a descriptor was written to after its sync had failed"
    : effect.startsWith("error") && killed
    ? `the writer died of an error: ${ran.stderr}`
    : failures.length > 1
    ? `one fault failed ${failures.length} groups: ${failures.join(", ")}`
    : await inspect(directory, ran.stdout)
  const survived = traced.includes("(INJECTED)") ? "healed" : "quiet"
  return { end: killed ? "killed" : failures.length === 0 ? survived : "failed", wrong }
}

/** Appends to the log once more and compares it with what was acknowledged. */
const inspectLog = (directory: string, acknowledged: ReadonlyArray<Acknowledged>): string | undefined => {
  const log = openLog(directory)
  try {
    log.append([{ time: 1, kind: "start", body: new TextEncoder().encode("{}") }], 1)
    const { hashes, report } = verifyLog(log)
    if (!report.ok) return report.detail
    const lost = acknowledged.find(({ hash, seq }) => hashes.get(seq) !== hash)
    if (lost !== undefined) return `record ${lost.seq} was acknowledged and is gone`
    const numbers = new Set(acknowledged.map(({ seq }) => seq))
    return numbers.size < acknowledged.length ? "a number was given out twice" : undefined
  } catch (error) {
    return error instanceof Error ? error.message : "?"
  } finally {
    log.close()
  }
}
