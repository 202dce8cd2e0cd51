/**
 * The `@monitor` decorator on the methods of an ordinary class. Decorators need a compiler: this example runs from the
 * output of `tsc` (`npm run examples`).
 */
import { CallBlocked, monitor, PicRuntime } from "effect-pic"
import * as assert from "node:assert/strict"

class Documents {
  readonly opened: Array<string> = []

  @monitor("documents.open")
  async open(path: string): Promise<string> {
    this.opened.push(path)
    return `contents of ${path}`
  }

  @monitor("documents.title")
  title(path: string): string {
    return path.slice(path.lastIndexOf("/") + 1)
  }
}

const pic = PicRuntime.make({
  settings: {
    rollout: { mode: "enforce" },
    brain: { min_seconds: 3_600 },
    storage: { directory: "memory" }
  }
})
await pic.start()

const documents = new Documents()
for (let n = 0; n < 1_500; n++) {
  const path = `contracts/${2_010 + n % 15}/agreement-${100 + n * 7 % 800}.pdf`
  assert.equal(await documents.open(path), `contents of ${path}`)
  assert.equal(documents.title(path), path.slice(15))
}

await pic.finishLearning()

const before = documents.opened.length
await assert.rejects(documents.open("/etc/shadow;cat$IFS/proc/self/environ"), CallBlocked)
assert.throws(() => documents.title("<script>alert(1)</script>"), CallBlocked)
assert.equal(documents.opened.length, before)

await pic.stop()
