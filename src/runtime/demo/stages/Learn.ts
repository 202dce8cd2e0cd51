import * as Effect from "effect/Effect"
import { BaselineProfiler } from "../../../services/BaselineProfiler.ts"
import { CellAgent } from "../../../services/CellAgent.ts"
import type { DemoData } from "../DemoData.ts"
import { Progress } from "../Progress.ts"
import { ShopClient } from "../ShopClient.ts"
import { functionNames } from "../ShopServer.ts"
import { callsIn, visitsOf } from "../ShopTraffic.ts"
import { Checks, type Stage } from "../Stage.ts"

/** Calls a second of normal business, in every stage: rate models see the same rhythm. */
export const normalPerSecond = 500

/** Normal requests while observing: everything runs, nothing is blocked, and every function becomes ready. */
export const stage = (
  data: DemoData
): Stage<ShopClient | CellAgent | BaselineProfiler | Progress> => ({
  name: "learn",
  shows: "normal requests, observed",
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const agent = yield* CellAgent
    const profiler = yield* BaselineProfiler
    const progress = yield* Progress
    const visits = visitsOf(data.learn, "learn", 1)
    const calls = callsIn(visits)
    let answered = 0
    const tally = yield* client.visit(visits, normalPerSecond, () => {
      answered++
      progress.tickUnsafe(answered / calls, `${answered} of ${calls} normal requests`)
    })
    yield* agent.flush
    yield* profiler.finishLearning
    const profiles = yield* profiler.profiles
    const unready = functionNames.flatMap((fn) => {
      const profile = profiles.find((candidate) => candidate.fn === fn)
      return profile?.state === "ready"
        ? []
        : [`${fn} is ${profile?.state ?? "unknown"} (${profile?.needed ?? "never seen"})`]
    })
    const checks = new Checks()
    for (const problem of unready) checks.expect(false, problem)
    checks.expect(tally.blocked === 0, `${tally.blocked} calls were blocked while observing`)
    checks.expect(tally.broken === 0, `${tally.broken} requests got no proper answer`)
    return {
      summary: `${calls} normal requests, ${
        functionNames.length - checks.problems.length
      } of ${functionNames.length} functions ready`,
      problems: checks.problems
    }
  })
})
