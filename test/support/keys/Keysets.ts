import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as KeysetDocument from "../../../src/domain/keys/KeysetDocument.ts"
import type { SeededRandom } from "../Seeded.ts"
import { openNode } from "./KeyNode.ts"

export const hash = (text: string): string => createHash("sha256").update(text).digest("hex")

/** A process that rotates. `acknowledged` is the newest generation that it called durable. */
export interface Rotator {
  readonly process: ChildProcess
  readonly acknowledged: () => number
  readonly failures: () => number
  readonly ended: Promise<NodeJS.Signals | number | null>
}

export const startRotator = (options: {
  readonly directory: string
  readonly times: number
  readonly mode?: "shipped" | "in-place"
  /** A command that runs node, such as strace. */
  readonly under?: ReadonlyArray<string>
}): Rotator => {
  const script = Path.join(import.meta.dirname, "RotatorProcess.ts")
  const [command = "", ...args] = [
    ...(options.under ?? []),
    globalThis.process.execPath,
    script,
    options.directory,
    String(options.times),
    options.mode ?? "shipped"
  ]
  const process = spawn(command, args, {
    stdio: ["ignore", "pipe", "ignore"],
    // One thread for all file operations, so that the n-th system call of a kind means the same each time.
    env: { ...globalThis.process.env, UV_THREADPOOL_SIZE: "1" }
  })
  let output = ""
  process.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text
  })
  return {
    process,
    acknowledged: () => Math.max(0, ...[...output.matchAll(/^acknowledged (\d+)$/gm)].map((match) => Number(match[1]))),
    failures: () => [...output.matchAll(/^failed /gm)].length,
    ended: once(process, "close").then(([code, signal]) => signal ?? code)
  }
}

/** What is wrong with the keyset that processes left behind, if anything: it must be whole, and new enough. */
export const inspectKeyset = Effect.fnUntraced(function*(directory: string, acknowledged: number) {
  const path = Path.join(directory, "keyset.json")
  if (!Fs.existsSync(path)) return acknowledged === 0 ? undefined : "the file is gone"
  const read = KeysetDocument.parse(Fs.readFileSync(path, "utf8"), hash)
  if (Result.isFailure(read)) return `the file ${read.failure}`
  const { generation } = read.success
  if (generation < acknowledged) return `generation ${generation}, but ${acknowledged} was acknowledged`
  if ((Fs.statSync(path).mode & 0o077) !== 0) return "others may read the file"
  const reopened = yield* Effect.result(Effect.scoped(Effect.gen(function*() {
    const { keys } = yield* openNode(directory)
    return (yield* keys.rotateKeys).generation
  })))
  if (Result.isFailure(reopened)) return `a new process fails: ${reopened.failure.message}`
  return reopened.success === generation + 1 ? undefined : `a new process rotates to ${reopened.success}`
})

/** Kills two processes that rotate one keyset without a pause, each at a random moment, and inspects what is left. */
export const killRound = Effect.fnUntraced(function*(
  directory: string,
  random: SeededRandom,
  mode: "shipped" | "in-place" = "shipped"
) {
  const rotators = (mode === "shipped" ? [1, 2] : [1]).map(() => startRotator({ directory, times: 0, mode }))
  yield* Effect.promise(async () => {
    for (const one of rotators) {
      while (one.acknowledged() === 0 && one.process.exitCode === null) await sleep(5)
    }
    for (const one of rotators) {
      await sleep(random.between(0, 30))
      one.process.kill("SIGKILL")
    }
    await Promise.all(rotators.map((one) => one.ended))
  })
  const acknowledged = Math.max(...rotators.map((one) => one.acknowledged()))
  const failures = rotators.reduce((sum, one) => sum + one.failures(), 0)
  return { acknowledged, failures, wrong: yield* inspectKeyset(directory, acknowledged) }
})
