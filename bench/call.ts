import * as Effect from "effect/Effect"
import { CellAgent } from "../src/services/CellAgent.ts"
import { PicConfig } from "../src/services/PicConfig.ts"
import * as System from "./system.ts"

const samples = 40_000
const warmUp = 40_000

type Call = (from: string, to: string, cents: number) => Effect.Effect<number, unknown, System.Provided>

/** Times single calls, one after the other, with a turn for the background every hundred. */
const time = Effect.fnUntraced(function*(call: Call) {
  const micros = new Float64Array(samples)
  for (let i = -warmUp; i < samples; i++) {
    const args = System.transferArguments(100_000 + i)
    const start = performance.now()
    yield* Effect.ignore(call(...args))
    const end = performance.now()
    if (i >= 0) micros[i] = (end - start) * 1_000
    if (i % 100 === 0) yield* System.breathe
  }
  return { p50: System.quantile(micros, 0.5), p99: System.quantile(micros, 0.99) }
})

/** Callers at once: while one waits for the evidence of a block, the others go on, as in a server. */
const callers = 32

const rate = Effect.fnUntraced(function*(call: Call, calls: number) {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const caller = (first: number) =>
    Effect.gen(function*() {
      for (let i = first; i < calls; i += callers) {
        yield* Effect.ignore(call(...System.transferArguments(i)))
        if (i % 64 === 0) yield* System.breathe
      }
    })
  yield* Effect.forEach(Array.from({ length: callers }, (_, i) => i), caller, { concurrency: callers, discard: true })
  yield* (yield* CellAgent).flush
  const seconds = (performance.now() - start) / 1_000
  const used = process.cpuUsage(cpu)
  return { perSecond: calls / seconds, cpuUs: (used.user + used.system) / calls }
})

/** Time of one wrapped call beside the bare one, enforcing, observing and skipped; and calls a second on one core. */
export const run = () =>
  System.withSystem(Effect.gen(function*() {
    const config = yield* PicConfig
    const bare = yield* time(System.bare)
    const enforced = yield* time(System.wrapped)
    const throughput = yield* rate(System.wrapped, 200_000)
    yield* config.change({ rollout: { mode: "observe" } })
    const observed = yield* time(System.wrapped)
    const observeRate = yield* rate(System.wrapped, 100_000)
    yield* config.change({ sampling_rate: 0 })
    const bareRate = yield* rate(System.bare, 1_000_000)
    const skippedRate = yield* rate(System.wrapped, 1_000_000)
    const accounting = yield* (yield* CellAgent).accounting
    return {
      call: {
        bareNs: bare.p50 * 1_000,
        p50Us: enforced.p50 - bare.p50,
        p99Us: enforced.p99 - bare.p99,
        observeP50Us: observed.p50 - bare.p50,
        observeCpuUs: observeRate.cpuUs - bareRate.cpuUs
      },
      throughputPerSecond: throughput.perSecond,
      skippedNs: 1e9 / skippedRate.perSecond - 1e9 / bareRate.perSecond,
      accounting
    }
  }))
