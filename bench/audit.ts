import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as PicClock from "../src/layers/agent/PicClock.ts"
import * as AuditLogger from "../src/layers/brain/AuditLogger.ts"
import * as PicConfig from "../src/layers/config/PicConfig.ts"
import * as CryptoCore from "../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../src/layers/crypto/KeyManager.ts"
import * as Alerts from "../src/layers/observability/Alerts.ts"
import * as PicHealth from "../src/layers/observability/PicHealth.ts"
import * as PicMetrics from "../src/layers/observability/PicMetrics.ts"
import * as AuditStore from "../src/layers/store/AuditStore.ts"
import { AuditLogger as Logger } from "../src/services/AuditLogger.ts"

/** Evidence a second, every record fsynced and covered by the head before it is acknowledged. */
export interface AuditFigures {
  readonly singlePerSecond: number
  readonly groupedPerSecond: number
  readonly verifyPerSecond: number
}

const singleRecords = 6_000
const groupedRecords = 100_000
/** Callers that wait for their records at the same time; what they record meanwhile shares one sync. */
const callers = 1_024

/** A block as the system writes it: about 300 bytes of JSON. */
const bodyOf = (n: number) => ({
  fn: "payments.transfer",
  id: `decision-${n}`,
  eventId: `event-${n}`,
  action: "block",
  source: "brain",
  pValue: 0.00012,
  confidence: 0.99988,
  findings: [{
    detector: "shape",
    path: "0",
    expected: "letters and digits",
    seen: "a quote after letters",
    pValue: 0.0001
  }]
})

const layerIn = (directory: string) =>
  AuditLogger.layer.pipe(
    Layer.provideMerge(AuditStore.layerSqlite),
    Layer.provideMerge(KeyManager.layerMemory),
    Layer.provideMerge(Layer.mergeAll(Layer.provideMerge(Alerts.layer, PicMetrics.layer), PicHealth.layer)),
    Layer.provideMerge(Layer.mergeAll(
      PicConfig.layerSettings({ storage: { directory }, audit: { wait_ms: 10_000 } }),
      PicClock.layer,
      CryptoCore.layer
    ))
  )

const perSecond = (count: number, body: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const start = performance.now()
    yield* body
    return Math.round(count / (performance.now() - start) * 1_000)
  })

const measure = Effect.gen(function*() {
  const log = yield* Logger
  const single = (count: number) =>
    Effect.forEach(Array(count).keys(), (n) => log.record("block", bodyOf(n)), { discard: true })
  const grouped = (count: number) =>
    Effect.forEach(
      Array(callers).keys(),
      (caller) =>
        Effect.forEach(
          Array(Math.ceil(count / callers)).keys(),
          (n) => log.record("block", bodyOf(caller * 1_000 + n)),
          {
            discard: true
          }
        ),
      { concurrency: "unbounded", discard: true }
    )
  yield* single(500)
  const singlePerSecond = yield* perSecond(singleRecords, single(singleRecords))
  yield* grouped(5_000)
  const groupedPerSecond = yield* perSecond(Math.ceil(groupedRecords / callers) * callers, grouped(groupedRecords))
  const { records } = yield* log.verify
  const verifyPerSecond = yield* perSecond(records, log.verify)
  return { singlePerSecond, groupedPerSecond, verifyPerSecond }
})

/** Measures in a fresh directory of the system's temporary directory; a RAM disk there would flatter the figures. */
export const run = async (): Promise<AuditFigures> => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-bench-audit-"))
  try {
    // Log lines are not what is measured, and stdout belongs to the figures.
    const quiet = Layer.succeed(References.MinimumLogLevel, "None")
    return await Effect.runPromise(Effect.scoped(Effect.provide(measure, Layer.provide(layerIn(directory), quiet))))
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true })
  }
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await run())}\n`)
