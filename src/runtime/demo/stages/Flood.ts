import * as Effect from "effect/Effect"
import { PicConfig } from "../../../services/PicConfig.ts"
import { PicMetrics } from "../../../services/PicMetrics.ts"
import type { Attack, DemoData } from "../DemoData.ts"
import { bars } from "../DemoReport.ts"
import { Progress } from "../Progress.ts"
import { ShopClient } from "../ShopClient.ts"
import { type Visit, visitsOf, withAttacks } from "../ShopTraffic.ts"
import { Checks, type Stage } from "../Stage.ts"
import { shareText } from "../Tally.ts"

/** Calls a second of one function that are within its limit during the flood; the flood is far above it. */
const limitPerSecond = 50
/** Searches of the flood. */
const floodCalls = 2_500
/** Customers who order and pay meanwhile, at this many calls a second. */
const customers = 120
const customersPerSecond = 60

/** Searches of one flooding client after the other. */
const searches = (data: DemoData): ReadonlyArray<Visit> => {
  const found = visitsOf(data.learn, "flood", 6).flat().filter((request) => request.call.operation === "search")
  return Array.from({ length: floodCalls }, (_, n) => found.slice(n % found.length, n % found.length + 1))
    .map((visit, index) => visit.map((request) => ({ ...request, session: `flood-${index}` })))
}

/**
 * A flood of searches with attacks hidden in it, and customers who want something else meanwhile. Over its limit a call
 * is judged by the embedded detector, so a flood is no way around it, and other functions keep their share.
 */
export const stage = (
  data: DemoData,
  attacks: ReadonlyArray<Attack>
): Stage<ShopClient | PicConfig | PicMetrics | Progress> => ({
  name: "flood",
  shows: "a flood that hides attacks",
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const config = yield* PicConfig
    const metrics = yield* PicMetrics
    const progress = yield* Progress
    const limit = config.settingsUnsafe().cellagent.per_function_limit
    const overBefore = (yield* metrics.getStats).counters.throttling_events
    yield* Effect.orDie(config.change({ per_function_limit: limitPerSecond }))
    let answered = 0
    const flood = client.visit(withAttacks(searches(data), attacks, 6), Infinity, () => {
      answered++
      progress.tickUnsafe(answered / floodCalls, `${answered} of ${floodCalls} searches in the flood`)
    })
    const business = visitsOf(data.test, "meanwhile", 7).slice(0, customers)
      .map((visit) => visit.filter((request) => request.call.operation !== "search"))
    const [flooded, served] = yield* Effect.all([flood, client.visit(business, customersPerSecond)], {
      concurrency: "unbounded"
    })
    yield* Effect.orDie(config.change({ per_function_limit: limit }))
    const over = (yield* metrics.getStats).counters.throttling_events - overBefore
    const checks = new Checks()
    checks.expect(over > floodCalls / 2, `only ${over} calls were over the limit: that was no flood`)
    checks.expect(
      flooded.detectionRate >= bars.detectionRateMin,
      `blocked ${shareText(flooded.attacksBlocked, flooded.attacks)} attacks hidden in the flood`
    )
    checks.expect(
      flooded.broken + served.broken === 0,
      `${flooded.broken + served.broken} requests got no proper answer`
    )
    checks.expect(
      served.falsePositiveRate <= Math.max(bars.falsePositiveRateMax, 1 / served.normal),
      `blocked ${shareText(served.normalBlocked, served.normal)} calls of customers meanwhile`
    )
    return {
      summary:
        `${over} calls over the limit; blocked ${shareText(flooded.attacksBlocked, flooded.attacks)} hidden attacks; `
        + `${served.normal - served.normalBlocked} of ${served.normal} other calls served`,
      problems: checks.problems
    }
  })
})
