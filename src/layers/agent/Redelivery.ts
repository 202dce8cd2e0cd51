import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { FailureClass } from "../../domain/FailureClass.ts"
import { PartitionBuffer } from "../../domain/flow/PartitionBuffer.ts"
import { backoffMs } from "../../domain/flow/RetryBudget.ts"
import { Xoshiro128 } from "../../domain/Xoshiro128.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { OwnResources } from "../../services/OwnResources.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { batchMax } from "../../services/SecureTransport.ts"
import type { BrainGate } from "./BrainGate.ts"

/** Longest pause between two deliveries that fail, in ms. */
export const pauseMsMax = 5_000
/** Shortest pause while the breaker does not let a delivery through, in ms. */
export const pauseMsMin = 20
/** A batch that the brain answers but does not take this often in a row is given up: it would hold up all others. */
export const refusalsMax = 5

/** Failures after which an event is worth delivering later. */
export const deliverLater: Readonly<Record<FailureClass, boolean>> = {
  Timeout: true,
  Refused: true,
  Partition: true,
  Unknown: true,
  Stale: true,
  BreakerOpen: true,
  // Shed on purpose, a reply that may be an attack, and an event that our own code cannot handle.
  Overload: false,
  BadSignature: false,
  Defect: false
}

/** The partition buffer and the fiber that empties it. */
export interface Redelivery {
  readonly holdUnsafe: (event: TelemetryEvent) => void
  readonly buffer: PartitionBuffer
}

/** Starts redelivery in the current scope. `send` delivers one batch and does not touch the gate. */
export const make = Effect.fnUntraced(function*(options: {
  readonly gate: BrainGate
  readonly send: (events: ReadonlyArray<TelemetryEvent>) => Effect.Effect<Result.Result<unknown, FailureClass>>
}): Effect.fn.Return<Redelivery, never, PicConfig | PicClock | AuditLogger | CryptoCore | Scope.Scope> {
  const { gate, send } = options
  const config = yield* PicConfig
  const clock = yield* PicClock
  const audit = yield* AuditLogger
  const own = yield* OwnResources
  const jitter = new Xoshiro128((yield* CryptoCore).randomBytesUnsafe)
  const buffer = new PartitionBuffer()
  const filled = Latch.makeUnsafe(false)
  const unregister = own.registerUnsafe(() => buffer.bytes)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      unregister()
      if (buffer.size > 0) audit.noteLossUnsafe("buffered event", buffer.size)
    })
  )
  let failures = 0
  let refusals = 0

  const lose = (count: number): void => {
    if (count > 0) audit.noteLossUnsafe("buffered event", count)
  }
  const giveUp = (events: ReadonlyArray<TelemetryEvent>): void => {
    refusals = 0
    for (const event of events) buffer.remove(event.id)
    lose(events.length)
  }
  const settle = (events: ReadonlyArray<TelemetryEvent>, failure: FailureClass | undefined): number => {
    if (failure === undefined) {
      failures = 0
      refusals = 0
      for (const event of events) buffer.remove(event.id)
      return 0
    }
    failures++
    const answered = failure === "BadSignature" || failure === "Defect" || failure === "Stale"
    refusals = answered ? refusals + 1 : 0
    if (refusals >= refusalsMax) giveUp(events)
    return backoffMs(config.settingsUnsafe().cellagent.retry_backoff_ms, failures, jitter.next(), pauseMsMax)
  }

  const deliver = Effect.gen(function*() {
    lose(buffer.expire(clock.nowUnsafe(), config.settingsUnsafe().cellagent.buffer_age_seconds * 1000))
    if (buffer.size === 0) {
      filled.closeUnsafe()
      return yield* filled.await
    }
    const permit = gate.acquireUnsafe()
    if (permit === undefined) return yield* Effect.sleep(Math.max(pauseMsMin, gate.waitMsUnsafe()))
    const events = buffer.peek(batchMax)
    const result = yield* Effect.onInterrupt(send(events), () => Effect.sync(() => gate.abandonUnsafe(permit)))
    const failure = Result.isFailure(result) ? result.failure : undefined
    gate.settleUnsafe(permit, failure)
    const pause = settle(events, failure)
    yield* pause > 0 ? Effect.sleep(pause) : Effect.yieldNow
  })
  yield* Effect.forkScoped(Effect.forever(deliver))

  return {
    buffer,
    holdUnsafe: (event) => {
      lose(buffer.add(event, clock.nowUnsafe(), config.settingsUnsafe().cellagent.buffer_bytes))
      if (buffer.size > 0) filled.openUnsafe()
    }
  }
})
