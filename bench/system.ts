import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { SettingsInput } from "../src/domain/settings/Settings.ts"
import * as Monitor from "../src/runtime/Monitor.ts"
import * as Pic from "../src/runtime/Pic.ts"
import { BaselineProfiler } from "../src/services/BaselineProfiler.ts"
import { CellAgent } from "../src/services/CellAgent.ts"

/** Calls that a function learns from before it is measured. */
const learnedCalls = 3_000

const words = ["anna", "bert", "carla", "dario", "emma", "felix", "greta", "hugo", "ida", "jonas"]

/** Distinct arguments of an ordinary transfer: two account names and an amount in cents. */
export const transferArguments = (i: number): [from: string, to: string, cents: number] => [
  `${words[i % 10]}.${words[(i * 7 + 3) % 10]}${i % 997}`,
  `${words[(i * 3 + 1) % 10]}-${(i * 31) % 10_007}`,
  100 + (i * 7_919) % 50_000
]

/** The function that is protected: as little work as an Effect can do. */
export const bare = (from: string, _to: string, cents: number): Effect.Effect<number> =>
  Effect.succeed(from.length + cents)

/** The same function, protected. */
export const wrapped = Monitor.wrap("payments.transfer", bare)

/** Limits out of the way, no cache, enforcing: every verdict is the brain's. */
export const openSettings = (directory: string): SettingsInput => ({
  cellagent: { global_rate_limit: 1e9, per_function_limit: 1e9 },
  brain: { cache_ttl_ms: 0, min_seconds: 0 },
  rollout: { mode: "enforce", percent: 100 },
  storage: { directory }
})

/** Everything that the embedded system provides. */
export type Provided = Layer.Success<ReturnType<typeof Pic.layerWith>>

/** Runs a program over a trained embedded system with SQLite state in a temporary directory. */
export const withSystem = async <A>(
  program: Effect.Effect<A, unknown, Provided>,
  settings: (directory: string) => SettingsInput = openSettings
): Promise<A> => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-bench-"))
  try {
    // Log lines are not what is measured, and stdout belongs to the figures.
    const quiet = Layer.succeed(References.MinimumLogLevel, "None")
    const layer = Pic.layerWith({ files: [], settings: settings(directory) }).pipe(Layer.provide(quiet))
    return await Effect.runPromise(Effect.provide(Effect.andThen(train, program), layer))
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true })
  }
}

/** Teaches `payments.transfer` its normal calls and makes it ready. */
export const train = Effect.gen(function*() {
  const agent = yield* CellAgent
  for (let i = 0; i < learnedCalls; i++) {
    yield* Effect.ignore(wrapped(...transferArguments(i)))
    if (i % 100 === 0) yield* Effect.yieldNow
  }
  yield* agent.flush
  yield* (yield* BaselineProfiler).finishLearning
})

/** The value below which a share of the sorted samples lies. */
export const quantile = (samples: Float64Array, q: number): number =>
  Float64Array.from(samples).sort()[Math.min(samples.length - 1, Math.floor(samples.length * q))] ?? Number.NaN

/** Waits until timers have run: gives background work its turn. */
export const breathe = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
