import * as Effect from "effect/Effect"
import * as System from "./system.ts"

const seconds = 4

/** Open-loop load: calls start when they are due, whether or not earlier ones have ended; lateness counts as latency. */
const open = Effect.fnUntraced(function*(perSecond: number) {
  const total = perSecond * seconds
  const latencies = new Float64Array(total)
  const cpu = process.cpuUsage()
  const start = performance.now()
  let sent = 0
  while (sent < total) {
    const due = Math.min(total, Math.floor((performance.now() - start) / 1_000 * perSecond))
    for (; sent < due; sent++) {
      const scheduled = start + sent / perSecond * 1_000
      yield* Effect.ignore(System.wrapped(...System.transferArguments(sent)))
      latencies[sent] = performance.now() - scheduled
    }
    yield* System.breathe
  }
  const used = process.cpuUsage(cpu)
  return {
    p50Ms: System.quantile(latencies, 0.5),
    p95Ms: System.quantile(latencies, 0.95),
    p99Ms: System.quantile(latencies, 0.99),
    processCpuShare: (used.user + used.system) / 1e6 / seconds
  }
})

/** A call that is blocked; its evidence must be on disk before the caller hears of it. */
const attack = (i: number) =>
  Effect.gen(function*() {
    const start = performance.now()
    const blocked = yield* Effect.match(System.wrapped(`' OR ${i}=${i}; DROP TABLE x${i};--`, "<script>", -i), {
      onFailure: () => true,
      onSuccess: () => false
    })
    return blocked ? performance.now() - start : Number.NaN
  })

/** Latency of blocks, with their durable evidence, beside 5,000 ordinary calls a second. */
const blocks = Effect.gen(function*() {
  const ordinary = yield* Effect.forkChild(open(5_000))
  const latencies: Array<number> = []
  for (let i = 0; ordinary.pollUnsafe() === undefined; i++) {
    latencies.push(yield* attack(i))
    yield* System.breathe
  }
  const blocked = Float64Array.from(latencies.filter((ms) => !Number.isNaN(ms)))
  return { blocked: blocked.length, p50Ms: System.quantile(blocked, 0.5), p99Ms: System.quantile(blocked, 0.99) }
})

/** Latency under the specification's sustained and burst loads. The process's CPU contains the load generator's. */
export const run = () =>
  System.withSystem(Effect.gen(function*() {
    yield* open(1_000)
    return { at1000PerSecond: yield* open(1_000), at10000PerSecond: yield* open(10_000), blocks: yield* blocks }
  }))
