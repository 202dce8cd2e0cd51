import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import * as Path from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { DatabaseSync } from "node:sqlite"
import * as AuditLoggerLayer from "../../src/layers/brain/AuditLogger.ts"
import * as AuditStoreLayer from "../../src/layers/store/AuditStore.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { foundation, temporaryDirectory } from "../layers/store/Setup.ts"

const heldSeconds = 30
const print = (what: string): void => void process.stdout.write(`audit/${what}\n`)

describe("audit under torture: a lock that somebody holds", () => {
  it.live(`for ${heldSeconds} s: the event loop goes on, every caller is answered, and nothing is missing afterwards`, () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* Effect.gen(function*() {
        const log = yield* AuditLogger
        yield* log.record("block", { n: 0 })
        const idle = monitorEventLoopDelay({ resolution: 1 })
        idle.enable()
        yield* Effect.sleep(`${heldSeconds} seconds`)
        idle.disable()
        const holder = new DatabaseSync(Path.join(directory, "audit.db"))
        holder.exec("BEGIN IMMEDIATE")
        const delay = monitorEventLoopDelay({ resolution: 1 })
        delay.enable()
        let slowest = 0
        const call = (n: number) =>
          Effect.gen(function*() {
            const start = performance.now()
            const exit = yield* Effect.exit(log.record("block", { n }))
            slowest = Math.max(slowest, performance.now() - start)
            return exit
          })
        const calls: Array<Fiber.Fiber<Exit.Exit<unknown, unknown>>> = []
        for (const end = performance.now() + heldSeconds * 1_000; performance.now() < end;) {
          calls.push(yield* Effect.forkChild(call(calls.length + 1)))
          yield* Effect.sleep("50 millis")
        }
        delay.disable()
        const exits = yield* Effect.forEach(calls, Fiber.join)
        holder.exec("ROLLBACK")
        holder.close()
        assert.isTrue(exits.every(Exit.isFailure), "no record can be durable while the lock is held")
        const answer = Effect.retry(log.query({ kind: "block" }), { times: 5 })
        const wanted = calls.length + 1
        for (let tries = 0; (yield* answer).total < wanted && tries < 100; tries++) yield* Effect.sleep("200 millis")
        assert.strictEqual((yield* answer).total, wanted)
        const report = yield* log.verify
        assert.isTrue(report.ok, report.detail)
        const ms = (n: number) => Math.round(n * 10) / 10
        const inMs = (of: ReturnType<typeof monitorEventLoopDelay>) => ({
          mean: ms(of.mean / 1e6),
          p99: ms(of.percentile(99) / 1e6),
          max: ms(of.max / 1e6)
        })
        const figures = { callers: calls.length, slowestMs: ms(slowest), loopMs: inMs(delay), idleLoopMs: inMs(idle) }
        print(`lock held ${heldSeconds} s: ${JSON.stringify(figures)}`)
        // A store on the event loop would stand still for seconds; a busy machine does for a fraction of one.
        assert.isBelow(delay.max / 1e6, 500)
      }).pipe(Effect.provide(
        AuditLoggerLayer.layer.pipe(
          Layer.provideMerge(AuditStoreLayer.layerSqlite),
          Layer.provideMerge(foundation(directory))
        ),
        { local: true }
      ))
    }))
})
