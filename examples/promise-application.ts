/**
 * Protection without Effect: `PicRuntime` wraps asynchronous functions, groups calls into sessions and tells statistics.
 *
 * Run it with `npm run examples`.
 */
import { CallBlocked, PicRuntime } from "effect-pic"
import * as assert from "node:assert/strict"
import { setImmediate as tick } from "node:timers/promises"

const pic = PicRuntime.make({
  settings: {
    rollout: { mode: "enforce" },
    brain: { min_seconds: 3_600 },
    storage: { directory: "memory" }
  }
})

let rendered = 0
const render = pic.wrap("reports.render", async (template: string, page: number) => {
  await tick()
  rendered++
  return `${template}, page ${page}`
})

await pic.start()

const templates = ["invoice", "monthly-summary", "tax-report", "delivery-note"]
const learned = 1_500
for (let n = 0; n < learned; n++) {
  const text = await pic.withSession(
    `user-${n % 40}`,
    () => render(templates[n % templates.length] ?? "invoice", 1 + n % 30)
  )
  assert.match(text, /, page \d+$/)
}

await pic.finishLearning()

// The usual works as before; its failures and results are those of the function.
assert.equal(await render("invoice", 3), "invoice, page 3")

// The unusual rejects, and the function does not run.
await assert.rejects(render("../../../../etc/passwd", 3), (error: unknown) => {
  assert.ok(error instanceof CallBlocked)
  assert.equal(error.fn, "reports.render")
  assert.notEqual(error.decisionId, "")
  return true
})
assert.equal(rendered, learned + 1)

// Every call is accounted for. A loop as tight as the one above is over the rate limit of 1,000 calls a second: those
// calls count as throttled, and are judged all the same.
const { accounting, metrics } = await pic.getStats()
assert.equal(accounting.offered, learned + 2)
assert.equal(accounting.analysed + accounting.throttled, learned + 2)
assert.equal(metrics.counters.decisions_blocked, 1)

await pic.stop()
