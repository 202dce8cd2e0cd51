import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { PicClock } from "../../services/PicClock.ts"
import * as Pic from "../Pic.ts"
import { type Attack, type DemoData, load } from "./DemoData.ts"
import * as DemoReport from "./DemoReport.ts"
import * as Progress from "./Progress.ts"
import * as Shop from "./Shop.ts"
import * as ShopClient from "./ShopClient.ts"
import * as ShopServer from "./ShopServer.ts"
import type { Stage } from "./Stage.ts"
import * as Enforce from "./stages/Enforce.ts"
import * as Envelopes from "./stages/Envelopes.ts"
import * as Evidence from "./stages/Evidence.ts"
import * as Flood from "./stages/Flood.ts"
import * as Learn from "./stages/Learn.ts"
import * as Observe from "./stages/Observe.ts"
import * as Outage from "./stages/Outage.ts"
import * as Percentage from "./stages/Percentage.ts"
import * as Stopwatch from "./Stopwatch.ts"
import * as Wiretap from "./Wiretap.ts"

/** How many of the attacks each stage before the main one meets; `enforce` meets all others. */
const share = { observe: 150, percentage: 200, flood: 350 }

const divide = (attacks: ReadonlyArray<Attack>) => {
  const flood = share.observe + share.percentage
  return {
    observe: attacks.slice(0, share.observe),
    percentage: attacks.slice(share.observe, flood),
    flood: attacks.slice(flood, flood + share.flood),
    enforce: attacks.slice(flood + share.flood)
  }
}

/** What the stages use: the shop, its client, and the services that they look into. */
type Services =
  | Layer.Success<ReturnType<typeof system>>
  | ShopClient.ShopClient
  | Shop.Shop
  | Stopwatch.Stopwatch
  | Progress.Progress

/** The stages in the order of a careful rollout: learn, observe, enforce for some, enforce for all, then trouble. */
const stagesOf = (data: DemoData, wiretap: Wiretap.Wiretap): ReadonlyArray<Stage<Services>> => {
  const attacks = divide(data.attacks)
  return [
    Learn.stage(data),
    Observe.stage(data, attacks.observe),
    Percentage.stage(data, attacks.percentage),
    Enforce.stage(data, attacks.enforce),
    Envelopes.stage(wiretap),
    Flood.stage(data, attacks.flood),
    Outage.stage(data),
    Evidence.stage
  ]
}

const runStage = Effect.fnUntraced(function*<R>(stage: Stage<R>) {
  const clock = yield* PicClock
  const progress = yield* Progress.Progress
  yield* progress.begin(stage.name, stage.shows)
  const began = clock.nowUnsafe()
  const result = yield* stage.run
  const run = { name: stage.name, shows: stage.shows, ...result, seconds: (clock.nowUnsafe() - began) / 1_000 }
  yield* progress.end(run)
  return run
})

/** A directory for the state of this run, removed afterwards. */
const directory = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "pic-demo-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true, force: true }))
)

/** Longer than the demo runs: it ends learning itself, when its requests do, so that a slow machine learns the same. */
const learnSeconds = 600

/** The demo's own settings: its state in its own directory, observing first. Everything else is as shipped. */
const system = (stateDirectory: string, wiretap: Wiretap.Wiretap) =>
  Pic.layerWith({
    files: [],
    settings: {
      storage: { directory: stateDirectory },
      rollout: { mode: "observe" },
      cellagent: { fail_mode: "open" },
      brain: { min_seconds: learnSeconds }
    },
    overrides: { BrainLink: wiretap.layer }
  })

/**
 * Protects a small shop, lets it learn from real requests, attacks it, and reports what happened. Log lines are left
 * out: the stages say what matters. `watched` draws live progress.
 */
export const run = (watched: boolean) =>
  Effect.scoped(Effect.gen(function*() {
    const data = yield* load
    const wiretap = Wiretap.make()
    const shop = ShopClient.layer.pipe(
      Layer.provideMerge(ShopServer.layer),
      Layer.provideMerge(Layer.mergeAll(Shop.layer, Stopwatch.layer, watched ? Progress.layer : Progress.layerSilent)),
      Layer.provideMerge(system(yield* directory, wiretap))
    )
    const stages = Effect.gen(function*() {
      const runs: Array<DemoReport.StageRun> = []
      for (const stage of stagesOf(data, wiretap)) runs.push(yield* runStage(stage))
      return DemoReport.make(runs)
    })
    return yield* Effect.provide(stages, shop)
  })).pipe(Effect.provide(Logger.layer([])))
