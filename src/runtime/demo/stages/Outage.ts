import * as Effect from "effect/Effect"
import { BrainCore } from "../../../services/BrainCore.ts"
import { CellAgent } from "../../../services/CellAgent.ts"
import { PicConfig } from "../../../services/PicConfig.ts"
import { PicHealth } from "../../../services/PicHealth.ts"
import type { DemoData } from "../DemoData.ts"
import { Shop } from "../Shop.ts"
import { ShopClient } from "../ShopClient.ts"
import { visitsOf } from "../ShopTraffic.ts"
import { Checks, type Stage } from "../Stage.ts"

const visitors = 15
const perSecond = 60
/** The breaker opens for seconds at most, so a brain that is back must be used again within this. */
const recoversWithin = "15 seconds"

/** The brain is gone: open lets calls through, visibly; closed refuses them; both end when it is back. */
export const stage = (
  data: DemoData
): Stage<ShopClient | Shop | BrainCore | CellAgent | PicConfig | PicHealth> => ({
  name: "outage",
  shows: "the brain is down, both fail modes",
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const shop = yield* Shop
    const brain = yield* BrainCore
    const agent = yield* CellAgent
    const config = yield* PicConfig
    const health = yield* PicHealth
    const checks = new Checks()
    const visits = visitsOf(data.test, "outage", 8).slice(0, visitors)

    yield* brain.stop
    yield* Effect.orDie(config.change({ fail_mode: "open" }))
    const failedBefore = (yield* agent.accounting).failed
    const open = yield* client.visit(visits, perSecond)
    const ranOpen = open.count((answer) => answer.ending === "ran")
    const failed = (yield* agent.accounting).failed - failedBefore
    checks.expect(ranOpen === open.answers.length, `fail-open let only ${ranOpen} of ${open.answers.length} calls run`)
    checks.expect(failed === open.answers.length, `${failed} of ${open.answers.length} calls were counted as failed`)
    const { line, state } = yield* health.status
    checks.expect(state === "not_protecting" || state === "degraded", `health says "${line}" without a brain`)

    yield* Effect.orDie(config.change({ fail_mode: "closed" }))
    const executedBefore = yield* shop.executed
    const closed = yield* client.visit(visits, perSecond)
    const refused = closed.count((answer) => answer.ending === "unavailable")
    const executed = (yield* shop.executed) - executedBefore
    checks.expect(
      refused === closed.answers.length,
      `fail-closed refused only ${refused} of ${closed.answers.length} calls`
    )
    checks.expect(executed === 0, `${executed} operations ran although failing closed`)

    yield* brain.start
    const probe = visits[0]?.[0]
    const answers = probe === undefined
      ? Effect.succeed(false)
      : Effect.map(client.send(probe), ({ ending }) => ending === "ran")
    const recovered = yield* Effect.sleep("200 millis").pipe(
      Effect.andThen(answers),
      Effect.repeat({ until: (ran) => ran }),
      Effect.timeoutOption(recoversWithin)
    )
    checks.expect(recovered._tag === "Some", "the brain is back, but calls are still refused")
    yield* Effect.orDie(config.change({ fail_mode: "open" }))
    return {
      summary: `open: ${ranOpen} of ${open.answers.length} calls ran, each counted; `
        + `closed: ${refused} of ${closed.answers.length} refused; recovered`,
      problems: checks.problems
    }
  })
})
