import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { ReplayRule } from "../../domain/wire/ReplayRule.ts"
import { timestampFutureMs } from "../../domain/wire/ReplayWindow.ts"
import { Alerts } from "../../services/Alerts.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { ReplayGuard } from "../../services/ReplayGuard.ts"
import { StateStore } from "../../services/StateStore.ts"

/** How often old nonces are forgotten: the seed's clean-up interval. */
const cleanupInterval = "60 seconds"
/** Name of the ceiling in the state store. */
export const ceilingName = "replay-ceiling"
/**
 * How far ahead of time the durable ceiling lies, in ms: after a crash, messages this recent are refused, so it is kept
 * short; the ceiling is moved every second, so it is longer than a few of those.
 */
export const ceilingStepMs = 4_000
const ceilingInterval = "1 second"
/** A ceiling this far ahead of the clock at start, in ms, is reported: until then nothing is accepted. */
const clockBehindMs = 60_000

const serve = (rule: ReplayRule, clock: PicClock["Service"]): ReplayGuard["Service"] =>
  ReplayGuard.of({
    acceptUnsafe: (sender, nonce, timestamp) => rule.accept(sender, nonce, timestamp, clock.nowUnsafe()),
    accept: (sender, nonce, timestamp) => Effect.sync(() => rule.accept(sender, nonce, timestamp, clock.nowUnsafe())),
    isReplayAttack: (sender, nonce, timestamp) =>
      Effect.sync(() => rule.examine(sender, nonce, timestamp, clock.nowUnsafe()) !== "accepted"),
    cleanupOldNonces: Effect.sync(() => rule.sweep(clock.nowUnsafe())),
    status: Effect.sync(() => rule.status())
  })

const pastMsOf = (config: PicConfig["Service"]) => () => config.settingsUnsafe().crypto.nonce_expiry_seconds * 1000

const forkCleanup = (rule: ReplayRule, clock: PicClock["Service"]) =>
  Effect.sync(() => rule.sweep(clock.nowUnsafe())).pipe(
    Effect.repeat(Schedule.spaced(cleanupInterval)),
    Effect.forkScoped
  )

/**
 * Layer for a brain in the same process as its agents. It needs no file: link keys depend on a random boot id, so that
 * no message of an earlier run verifies.
 */
export const layerMemory: Layer.Layer<ReplayGuard, never, PicClock | PicConfig> = Layer.effect(
  ReplayGuard,
  Effect.gen(function*() {
    const clock = yield* PicClock
    const rule = new ReplayRule({ floor: -Infinity, ceiling: Infinity, pastMs: pastMsOf(yield* PicConfig) })
    yield* forkCleanup(rule, clock)
    return serve(rule, clock)
  })
)

const encodeCeiling = (ceiling: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, ceiling)
  return bytes
}

const decodeCeiling = (bytes: Uint8Array): number | undefined => {
  if (bytes.length !== 8) return undefined
  const ceiling = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(0)
  return Number.isFinite(ceiling) ? ceiling : undefined
}

/** Where to start from: the last ceiling, or, where it is lost, above everything that may have been accepted. */
const loadFloor = Effect.fnUntraced(function*(store: StateStore["Service"], alerts: Alerts["Service"], now: number) {
  const entry = yield* Effect.result(store.load(ceilingName))
  if (entry._tag === "Success" && entry.success._tag === "Absent") return now
  const found = entry._tag === "Success" && entry.success._tag === "Found"
    ? decodeCeiling(entry.success.bytes)
    : undefined
  if (found === undefined) {
    alerts.raiseUnsafe("state_refused", "the replay ceiling cannot be read; messages signed before now are refused")
    return now + timestampFutureMs
  }
  if (found > now + clockBehindMs) {
    const seconds = Math.ceil((found - now) / 1000)
    alerts.raiseUnsafe(
      "degraded",
      `the clock is behind the last run: messages are refused for ${seconds} s; set the clock`
    )
  }
  return found
})

/** Keeps the durable ceiling ahead of the time; while that fails, messages above it are refused. */
const makeCeiling = (
  rule: ReplayRule,
  store: StateStore["Service"],
  clock: PicClock["Service"],
  health: PicHealth["Service"]
) => {
  const name = "replay_ceiling"
  return Effect.suspend(() => {
    const target = Math.max(clock.nowUnsafe(), rule.latest) + ceilingStepMs
    if (target - rule.ceiling < ceilingStepMs / 4) return Effect.void
    return store.save(ceilingName, encodeCeiling(target)).pipe(
      Effect.map(() => {
        rule.ceiling = target
        health.clearUnsafe(name)
      }),
      Effect.catch((error) =>
        Effect.sync(() => {
          health.reportUnsafe(name, "degraded", `replay protection refuses new messages: ${error.message}`)
        })
      )
    )
  })
}

/**
 * Layer for a brain in a process of its own: messages of an earlier run may still verify, so the newest time that may
 * be accepted is made durable before it is. A clean stop costs nothing; after a crash, messages dated up to
 * `ceilingStepMs` after it are refused.
 */
export const layerDurable: Layer.Layer<ReplayGuard, never, StateStore | PicClock | PicConfig | PicHealth | Alerts> =
  Layer
    .effect(
      ReplayGuard,
      Effect.gen(function*() {
        const store = yield* StateStore
        const clock = yield* PicClock
        const floor = yield* loadFloor(store, yield* Alerts, clock.nowUnsafe())
        const rule = new ReplayRule({ floor, ceiling: -Infinity, pastMs: pastMsOf(yield* PicConfig) })
        const raise = makeCeiling(rule, store, clock, yield* PicHealth)
        yield* Effect.addFinalizer(() =>
          Effect.suspend(() => {
            rule.ceiling = -Infinity
            return Effect.ignore(store.save(ceilingName, encodeCeiling(rule.latest)))
          })
        )
        yield* raise
        yield* Effect.forkScoped(Effect.repeat(raise, Schedule.spaced(ceilingInterval)))
        yield* forkCleanup(rule, clock)
        return serve(rule, clock)
      })
    )
