import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../../src/runtime/cli/main.ts", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the entry point as a process of its own, in an empty directory. `closeEarly` reads one line and hangs up. */
const pic = (args: ReadonlyArray<string>, closeEarly = false): Promise<Ended> => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-main-"))
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: directory, env: { PATH: "" } })
    const written = { out: "", err: "" }
    child.stdout.on("data", (chunk: Buffer) => {
      written.out += chunk.toString("utf8")
      if (closeEarly) child.stdout.destroy()
    })
    child.stderr.on("data", (chunk: Buffer) => (written.err += chunk.toString("utf8")))
    child.on("close", (code) => {
      Fs.rmSync(directory, { recursive: true, force: true })
      resolve({ code, ...written })
    })
  })
}

describe("main", () => {
  it("runs from source and exits with 0, 1 or 2", async () => {
    const [fine, failed, wrong] = await Promise.all([
      pic(["config", "check", "--json"]),
      pic(["status"]),
      pic(["config", "check", "-c", "none.yaml"])
    ])
    assert.deepStrictEqual(fine, { code: 0, out: "{\"ok\":true,\"problems\":[],\"given\":0}\n", err: "" })
    assert.strictEqual(failed.code, 1)
    assert.deepInclude(wrong, { code: 2, out: "", err: "pic: none.yaml: there is no such file\n" })
  })

  it("accepts global flags before the command", async () => {
    const { code, out } = await pic(["--log-level", "error", "config", "check"])
    assert.strictEqual(code, 0)
    assert.include(out, "The configuration is valid")
  })

  it("takes a reader that hangs up for no failure", async () => {
    assert.strictEqual((await pic(["config", "show"], true)).code, 0)
  })
})
