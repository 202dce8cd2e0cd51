import * as Effect from "effect/Effect"
import { BrainCore } from "../../../services/BrainCore.ts"
import { CellAgent } from "../../../services/CellAgent.ts"
import type { Attack, DemoData } from "../DemoData.ts"
import { bars } from "../DemoReport.ts"
import { ShopClient } from "../ShopClient.ts"
import { visitsOf, withAttacks } from "../ShopTraffic.ts"
import { Checks, type Stage } from "../Stage.ts"
import { shareText } from "../Tally.ts"
import { normalPerSecond } from "./Learn.ts"

/** Calls among which the attacks of a stage hide. */
const callsPerAttack = 3

/** Attacks while only observing: every call still runs, and the verdicts say what enforcement would have blocked. */
export const stage = (
  data: DemoData,
  attacks: ReadonlyArray<Attack>
): Stage<ShopClient | CellAgent | BrainCore> => ({
  name: "observe",
  shows: "attacks, observed only",
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const agent = yield* CellAgent
    const brain = yield* BrainCore
    const before = yield* brain.status
    const visits = visitsOf(data.learn, "observed", 2).slice(0, attacks.length * callsPerAttack / 4)
    const tally = yield* client.visit(withAttacks(visits, attacks, 2), normalPerSecond)
    yield* agent.flush
    const wouldBlock = (yield* brain.status).wouldBlock - before.wouldBlock
    const checks = new Checks()
    checks.expect(tally.blocked === 0, `${tally.blocked} calls were blocked although only observing`)
    checks.expect(tally.broken === 0, `${tally.broken} requests got no proper answer`)
    checks.expect(
      wouldBlock >= tally.attacks * bars.detectionRateMin,
      `only ${shareText(wouldBlock, tally.attacks)} attacks would have been blocked`
    )
    return {
      summary:
        `all ${tally.answers.length} calls ran; ${wouldBlock} would have been blocked (${tally.attacks} were attacks)`,
      problems: checks.problems
    }
  })
})
