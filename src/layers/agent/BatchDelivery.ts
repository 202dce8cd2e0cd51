import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Decision } from "../../domain/Decision.ts"
import type { FailureClass } from "../../domain/FailureClass.ts"
import type { OutcomeReport } from "../../domain/Outcome.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import type { BackpressureSignal } from "../../domain/BackpressureSignal.ts"
import { BrainLink } from "../../services/BrainLink.ts"
import { SamplingController } from "../../services/SamplingController.ts"
import {
  batchMax,
  SecureTransport,
  type SecurityViolation,
  type SignedRequest
} from "../../services/SecureTransport.ts"
import { awaitReply } from "./Exchange.ts"

/** How long a batch waits for its reply, in ms. No caller waits behind it, and the brain may queue its events. */
export const batchTimeoutMs = 1_000

/** Sends batches of observed events and of outcomes: one attempt each, without the breaker. */
export interface BatchDelivery {
  readonly events: (
    events: ReadonlyArray<TelemetryEvent>
  ) => Effect.Effect<Result.Result<ReadonlyArray<Decision>, FailureClass>>
  readonly outcomes: (reports: ReadonlyArray<OutcomeReport>) => Effect.Effect<Result.Result<void, FailureClass>>
}

/** Items in pieces that fit under one MAC. */
export const chunks = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  if (items.length <= batchMax) return items.length === 0 ? [] : [items]
  const pieces: Array<ReadonlyArray<A>> = []
  for (let from = 0; from < items.length; from += batchMax) pieces.push(items.slice(from, from + batchMax))
  return pieces
}

/** Makes the sender. `onDefect` is told of failures of our own, `refuse` of replies that do not verify. */
export const make = Effect.fnUntraced(function*(options: {
  readonly onDefect: (cause: unknown) => void
  readonly refuse: (violation: SecurityViolation) => FailureClass
}): Effect.fn.Return<BatchDelivery, never, BrainLink | SecureTransport | SamplingController> {
  const { onDefect, refuse } = options
  const link = yield* BrainLink
  const transport = yield* SecureTransport
  const sampling = yield* SamplingController
  const keep = link.kind === "in-process"

  const exchange = <A>(
    sign: () => SignedRequest,
    verify: (request: SignedRequest, reply: Uint8Array) => Result.Result<A, SecurityViolation>,
    signal: (verified: A) => BackpressureSignal
  ): Effect.Effect<Result.Result<A, FailureClass>> =>
    Effect.suspend(() => {
      const request = sign()
      const conclude = (reply: Uint8Array): Result.Result<A, FailureClass> => {
        const verified = verify(request, reply)
        if (Result.isFailure(verified)) return Result.fail(refuse(verified.failure))
        sampling.applySignalUnsafe(signal(verified.success))
        return Result.succeed(verified.success)
      }
      const reply = link.sendUnsafe(request.frame)
      if (!Effect.isEffect(reply)) return Effect.succeed(conclude(reply))
      return Effect.map(
        awaitReply(reply, { timeoutMs: batchTimeoutMs, keep, onDefect }),
        (answer) => Result.isSuccess(answer) ? conclude(answer.success) : Result.fail(answer.failure)
      )
    }).pipe(Effect.catchDefect((cause) =>
      Effect.sync(() => {
        onDefect(cause)
        return Result.fail<FailureClass>("Defect")
      })
    ))

  return {
    events: (events) =>
      Effect.map(
        exchange(() => transport.signEventsUnsafe(events), transport.verifyDecisionsUnsafe, (v) => v.backpressure),
        Result.map((verified) => verified.decisions)
      ),
    outcomes: (reports) =>
      Effect.map(
        exchange(() => transport.signOutcomesUnsafe(reports), transport.verifyAckUnsafe, (signal) => signal),
        Result.map(() => undefined)
      )
  }
})
