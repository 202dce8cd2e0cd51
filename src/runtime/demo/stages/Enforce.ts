import * as Effect from "effect/Effect"
import { PicConfig } from "../../../services/PicConfig.ts"
import type { Attack, DemoData } from "../DemoData.ts"
import { bars } from "../DemoReport.ts"
import { Progress } from "../Progress.ts"
import { Shop } from "../Shop.ts"
import { ShopClient } from "../ShopClient.ts"
import { callsIn, mixed, visitsOf, withAttacks } from "../ShopTraffic.ts"
import { Checks, type Stage } from "../Stage.ts"
import { quantile, Stopwatch } from "../Stopwatch.ts"
import { shareText } from "../Tally.ts"
import { normalPerSecond } from "./Learn.ts"

/** Visits that attackers make among those of new, honest visitors. */
const attackers = 400

/** New normal requests with attacks among them, fully enforced: attacks are blocked before they run, customers are not. */
export const stage = (
  data: DemoData,
  attacks: ReadonlyArray<Attack>
): Stage<ShopClient | Shop | Stopwatch | PicConfig | Progress> => ({
  name: "enforce",
  shows: "new requests and attacks, enforced",
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const shop = yield* Shop
    const stopwatch = yield* Stopwatch
    const config = yield* PicConfig
    const progress = yield* Progress
    yield* Effect.orDie(config.change({ rollout: { mode: "enforce", percent: 100 } }))
    const hostile = withAttacks(visitsOf(data.learn, "attacker", 4).slice(0, attackers), attacks, 4)
    const visits = mixed(visitsOf(data.test, "customer", 5), hostile)
    const calls = callsIn(visits)
    const executedBefore = yield* shop.executed
    yield* stopwatch.lap
    let answered = 0
    let blocked = 0
    const tally = yield* client.visit(visits, normalPerSecond, (answer) => {
      answered++
      if (answer.ending === "blocked") blocked++
      progress.tickUnsafe(answered / calls, `${answered} of ${calls} requests, ${blocked} blocked`)
    })
    const added = yield* stopwatch.lap
    const executed = (yield* shop.executed) - executedBefore
    const ran = tally.count((answer) => answer.ending === "ran")
    const p50Us = quantile(added, 0.5)
    const checks = new Checks()
    checks.expect(
      tally.detectionRate >= bars.detectionRateMin,
      `blocked ${shareText(tally.attacksBlocked, tally.attacks)} attacks`
    )
    checks.expect(
      tally.falsePositiveRate <= bars.falsePositiveRateMax,
      `blocked ${shareText(tally.normalBlocked, tally.normal)} normal calls`
    )
    checks.expect(tally.broken === 0, `${tally.broken} requests got no proper answer`)
    checks.expect(executed === ran, `${executed} operations ran, but ${ran} requests were answered: a blocked call ran`)
    return {
      summary: `blocked ${shareText(tally.attacksBlocked, tally.attacks)} attacks and `
        + `${shareText(tally.normalBlocked, tally.normal)} normal calls`,
      problems: checks.problems,
      figures: {
        detectionRate: tally.detectionRate,
        falsePositiveRate: tally.falsePositiveRate,
        byKind: tally.byKind(),
        p50Us,
        p99Us: quantile(added, 0.99),
        overhead: tally.medianMs === 0 ? 0 : p50Us / 1_000 / tally.medianMs
      }
    }
  })
})
