import * as Effect from "effect/Effect"
import { PicConfig } from "../../../services/PicConfig.ts"
import type { Attack, DemoData } from "../DemoData.ts"
import { ShopClient } from "../ShopClient.ts"
import { type Visit, visitsOf, withAttacks } from "../ShopTraffic.ts"
import { Checks, type Stage } from "../Stage.ts"
import type { Tally } from "../Tally.ts"
import { normalPerSecond } from "./Learn.ts"

const percent = 50
/** A fair share of visitors lies within these bounds in all but one of a million runs (binomial, 200 visitors). */
const shareMin = 0.32
const shareMax = 0.68

/** One attack by each visitor. */
const oneEach = (data: DemoData, attacks: ReadonlyArray<Attack>): ReadonlyArray<Visit> => {
  const visits = visitsOf(data.learn, "percent", 3).slice(0, attacks.length).map((visit, index) => {
    const step = index % visit.length
    return visit.slice(step, step + 1)
  })
  return withAttacks(visits, attacks, 3)
}

const blockedVisitors = (tally: Tally): ReadonlySet<string> =>
  new Set(tally.answers.filter((answer) => answer.ending === "blocked").map((answer) => answer.session))

/** Enforcement for a share of visitors: about that share is blocked, and the same visitors each time. */
export const stage = (data: DemoData, attacks: ReadonlyArray<Attack>): Stage<ShopClient | PicConfig> => ({
  name: "percentage",
  shows: `enforced for ${percent} % of visitors`,
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const config = yield* PicConfig
    yield* Effect.orDie(config.change({ rollout: { mode: "enforce", percent } }))
    const visits = oneEach(data, attacks)
    const first = blockedVisitors(yield* client.visit(visits, normalPerSecond))
    const second = blockedVisitors(yield* client.visit(visits, normalPerSecond))
    const moved = [...first].filter((visitor) => !second.has(visitor)).length
      + [...second].filter((visitor) => !first.has(visitor)).length
    const share = first.size / visits.length
    const checks = new Checks()
    checks.expect(
      share >= shareMin && share <= shareMax,
      `${first.size} of ${visits.length} attacking visitors were blocked at ${percent} %`
    )
    checks.expect(moved === 0, `${moved} visitors were blocked once and let through once`)
    return {
      summary: `${first.size} of ${visits.length} attacking visitors blocked, the same ones twice`,
      problems: checks.problems
    }
  })
})
