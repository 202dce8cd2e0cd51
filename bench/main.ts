/**
 * `npm run bench [-- --json]`: every figure of the design's performance table, beside its bar. Exits 0 whatever the
 * figures are: a machine's speed is no test.
 */
import * as Audit from "./audit.ts"
import * as Call from "./call.ts"
import * as Detector from "./detector.ts"
import * as Load from "./load.ts"
import * as Memory from "./memory.ts"
import * as Start from "./start.ts"

interface Row {
  readonly what: string
  readonly measured: number
  readonly bar: string
}

const json = process.argv.includes("--json")
const step = async <A>(name: string, run: () => A | Promise<A>): Promise<A> => {
  process.stderr.write(`${name} …\n`)
  return await run()
}

const startMs = await step("start-up", Start.run)
const { featuresUs, detectorUs } = await step("features and detector", Detector.run)
const { call, skippedNs, throughputPerSecond } = await step("calls", Call.run)
const load = await step("open-loop load", Load.run)
const audit = await step("evidence", Audit.run)
const { memoryMb, memoryWithFreePagesMb } = await step("memory over a million events, three processes", Memory.run)

const rows: ReadonlyArray<Row> = [
  { what: "bare call, ns", measured: call.bareNs, bar: "" },
  { what: "enforced call, p50 added, µs", measured: call.p50Us, bar: "<= 14" },
  { what: "enforced call, p99 added, µs", measured: call.p99Us, bar: "<= 60" },
  { what: "observed call, p50 added, µs", measured: call.observeP50Us, bar: "<= 4" },
  { what: "observed call, CPU in all, µs", measured: call.observeCpuUs, bar: "" },
  { what: "enforced calls a second, one core", measured: throughputPerSecond, bar: ">= 70000" },
  { what: "sampled-out call, ns", measured: skippedNs, bar: "<= 500" },
  { what: "features of three arguments, µs", measured: featuresUs, bar: "<= 4 with the score" },
  { what: "score, µs", measured: detectorUs, bar: "" },
  { what: "open loop 1000/s, p99 ms", measured: load.at1000PerSecond.p99Ms, bar: "<= 10" },
  { what: "open loop 10000/s, p99 ms", measured: load.at10000PerSecond.p99Ms, bar: "<= 50" },
  { what: "block with durable evidence, p99 ms", measured: load.blocks.p99Ms, bar: "<= 20" },
  { what: "audit, one at a time, fsynced, a second", measured: audit.singlePerSecond, bar: ">= 3000" },
  { what: "audit, grouped, fsynced, a second", measured: audit.groupedPerSecond, bar: ">= 50000" },
  { what: "audit, verify, a second", measured: audit.verifyPerSecond, bar: ">= 50000" },
  { what: "memory, 100 names, MB", measured: memoryMb.names100, bar: "<= 30" },
  { what: "memory, 10000 names, MB", measured: memoryMb.names10000, bar: "<= 100" },
  { what: "… with V8's free pages, 100 names, MB", measured: memoryWithFreePagesMb.names100, bar: "" },
  { what: "… with V8's free pages, 10000 names, MB", measured: memoryWithFreePagesMb.names10000, bar: "" },
  { what: "fresh process to first verdict, ms", measured: startMs, bar: "<= 600" }
]

if (json) {
  console.log(JSON.stringify({
    call,
    throughputPerSecond,
    skippedNs,
    featuresUs,
    detectorUs,
    audit,
    memoryMb,
    memoryWithFreePagesMb,
    startMs,
    load
  }))
} else {
  for (const { bar, measured, what } of rows) {
    console.log(`${what.padEnd(42)}${measured.toFixed(measured < 100 ? 2 : 0).padStart(12)}  ${bar}`)
  }
}
