/**
 * The attack simulator: a small protected service, its ordinary traffic, and every kind of attack on it that needs no data
 * set. Run it with `npm run attacks`; `-- --json` prints one object, `-- --seed 7` meets other traffic,
 * `-- --whole-phase` ends learning with the first attack instead of by the default settings.
 * Exits 1 and names the bar that is missed, 2 on wrong usage.
 */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import * as Report from "./Report.ts"
import * as Simulation from "./Simulation.ts"

/** Calls of each part: enough for every function to be judged on its own, and for slow attackers to take a thousand steps. */
const learn = 20_000
const mixedTrained = 30_000
const mixedCold = 12_000

const usage = "usage: npm run attacks -- [--json] [--seed <whole number>] [--whole-phase]"

const options = () => {
  try {
    const { values } = parseArgs({
      options: { json: { type: "boolean" }, seed: { type: "string" }, "whole-phase": { type: "boolean" } }
    })
    const seed = Number(values.seed ?? "1")
    const wholePhase = values["whole-phase"] ?? false
    return Number.isSafeInteger(seed) ? { json: values.json ?? false, seed, wholePhase } : undefined
  } catch {
    return undefined
  }
}

const given = options()
if (given === undefined) {
  console.error(usage)
  process.exitCode = 2
} else {
  const { json, seed, wholePhase } = given
  const report = await Effect.runPromise(Effect.gen(function*() {
    const trained = yield* Simulation.run({ seed, learn, mixed: mixedTrained, wholePhase })
    const cold = yield* Simulation.run({ seed: seed + 1_000, learn: 0, mixed: mixedCold })
    return Report.make(seed, { trained, cold })
  }))
  console.log(json ? JSON.stringify(report) : Report.render(report))
  process.exitCode = report.ok ? 0 : 1
}
