import { afterEach, assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Readline from "node:readline"
import { fileURLToPath } from "node:url"

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const fixture = pathOf("../fixtures/service.ts")
const pic = pathOf("../../src/runtime/cli/main.ts")

type Answer = { readonly [key: string]: unknown }

const children: Array<ChildProcess> = []
const directories: Array<string> = []

const makeDirectory = (): string => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-process-"))
  directories.push(directory)
  return Path.join(directory, "state")
}

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit")
      child.kill("SIGKILL")
      await ended
    }
  }
  for (const directory of directories.splice(0)) Fs.rmSync(directory, { recursive: true, force: true })
})

/** Starts the service on a storage directory, and waits for its first word. */
const startService = async (directory: string, mode: "open" | "closed" = "open") => {
  const child = spawn(process.execPath, [fixture, directory, mode], { stdio: ["pipe", "pipe", "pipe"] })
  children.push(child)
  const answers: Array<Answer> = []
  const waiting: Array<() => void> = []
  // Everything but answers is log text.
  const log = { text: "" }
  Readline.createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith("{")) log.text += `${line}\n`
    else {
      answers.push(JSON.parse(line))
      for (const wake of waiting.splice(0)) wake()
    }
  })
  child.stderr.on("data", (chunk: Buffer) => (log.text += chunk.toString("utf8")))
  const closed = once(child, "close")
  void closed.then(() => waiting.splice(0).forEach((wake) => wake()), () => undefined)

  let read = 0
  const next = async (): Promise<Answer> => {
    while (read >= answers.length) {
      if (child.exitCode !== null || child.signalCode !== null) assert.fail(`the service ended: ${log.text}`)
      await new Promise<void>((wake) => waiting.push(wake))
    }
    return answers[read++]!
  }
  const ask = (command: string): Promise<Answer> => {
    child.stdin.write(`${command}\n`)
    return next()
  }
  const end = async (signal: NodeJS.Signals): Promise<NodeJS.Signals | null> => {
    child.kill(signal)
    await closed
    return child.signalCode
  }
  return {
    ask,
    next,
    end,
    send: (command: string) => void child.stdin.write(`${command}\n`),
    answers,
    log,
    first: await next()
  }
}

/** Runs `pic` on a storage directory, and reads its JSON lines. */
const runPic = async (directory: string, ...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [pic, ...args, "--storage", directory, "--json"], {
    cwd: Path.dirname(directory)
  })
  const written = { out: "", err: "" }
  child.stdout.on("data", (chunk: Buffer) => (written.out += chunk.toString("utf8")))
  child.stderr.on("data", (chunk: Buffer) => (written.err += chunk.toString("utf8")))
  const [code] = await once(child, "close")
  return {
    code,
    lines: written.out.split("\n").filter((line) => line !== "").map((line): Answer => JSON.parse(line)),
    ...written
  }
}
const verify = async (directory: string): Promise<void> => {
  const { code, err, out } = await runPic(directory, "audit", "verify")
  assert.strictEqual(code, 0, `${out}${err}`)
}
const records = async (directory: string, kind: string): Promise<string> =>
  (await runPic(directory, "audit", "tail", "--once", "--kind", kind, "-n", "10000")).out

describe("a protected process", () => {
  it("SIGTERM: drains, ends by the signal, and leaves sound evidence and what it learned", async () => {
    const directory = makeDirectory()
    const before = await startService(directory)
    assert.deepInclude(before.first, { started: true })
    await before.ask("train")
    const blocked = await before.ask("attack")
    assert.deepInclude(blocked, { blocked: "Anomalous" })
    assert.strictEqual(await before.end("SIGTERM"), "SIGTERM", before.log.text)
    await verify(directory)
    assert.include(await records(directory, "stop"), "\"stop\"")
    assert.include(await records(directory, "block"), String(blocked["decisionId"]))

    const after = await startService(directory)
    assert.deepInclude(await after.ask("attack"), { blocked: "Anomalous" }, "a gap in which it learns again")
    assert.property(await after.ask("ordinary"), "ran")
    assert.strictEqual(await after.end("SIGINT"), "SIGINT")
    await verify(directory)
  }, 60_000)

  it(
    "kill -9 at any moment: every block that a caller saw is in the log, the log is sound, and it starts again",
    async () => {
      const directory = makeDirectory()
      const first = await startService(directory)
      await first.ask("train")
      await first.end("SIGTERM")
      const seen: Array<string> = []
      for (const answers of [1, 7, 40]) {
        const service = await startService(directory)
        assert.deepInclude(service.first, { started: true }, service.log.text)
        service.send("serve")
        for (let i = 0; i < answers; i++) await service.next()
        assert.strictEqual(await service.end("SIGKILL"), "SIGKILL")
        for (const answer of service.answers) {
          if (answer["blocked"] !== undefined) seen.push(String(answer["decisionId"]))
        }
        await verify(directory)
      }
      assert.isAtLeast(seen.length, 30)
      assert.strictEqual(new Set(seen).size, seen.length)
      const log = await records(directory, "block")
      for (const id of seen) assert.strictEqual(log.split(`"${id}"`).length, 2, `${id} is not exactly once in the log`)
    },
    60_000
  )

  it("a second process on the directory says who owns it: open protects from memory, closed refuses", async () => {
    const directory = makeDirectory()
    const owner = await startService(directory)
    await owner.ask("train")

    const [open, closed] = await Promise.all([startService(directory), startService(directory, "closed")])
    assert.deepInclude(open.first, { started: true })
    assert.include(String(open.first["line"]), "one process owns it")
    assert.include(String(open.first["line"]), "what this process learns", "keys and evidence are still shared")
    await open.ask("train")
    assert.deepInclude(await open.ask("attack"), { blocked: "Anomalous" })

    assert.deepInclude(closed.first, { started: false })
    assert.include(String(closed.first["error"]), "one process owns it")
    assert.deepInclude(await closed.ask("ordinary"), { blocked: "FailedClosed" })

    assert.deepInclude(await owner.ask("attack"), { blocked: "Anomalous" }, "the owner is not disturbed")
    await open.end("SIGTERM")
    await closed.end("SIGTERM")
    assert.deepInclude(await owner.ask("stats"), { state: "enforcing" })
    await owner.end("SIGTERM")
    await verify(directory)
  }, 60_000)

  it("a directory that cannot be made: open protects from memory and says so, closed refuses", async () => {
    const file = makeDirectory()
    Fs.writeFileSync(file, "not a directory")
    const directory = Path.join(file, "state")
    const [open, closed] = await Promise.all([startService(directory), startService(directory, "closed")])
    assert.deepInclude(open.first, { started: true })
    assert.include(String(open.first["line"]), "in memory only")
    await open.ask("train")
    assert.deepInclude(await open.ask("attack"), { blocked: "Anomalous" })
    assert.deepInclude(await open.ask("stats"), { state: "degraded" })

    assert.deepInclude(closed.first, { started: false })
    assert.deepInclude(await closed.ask("ordinary"), { blocked: "FailedClosed" })
    assert.include(closed.log.text, "NOT PROTECTING")
    for (const service of [open, closed]) assert.strictEqual(await service.end("SIGTERM"), "SIGTERM")
  }, 60_000)
})
