import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { balanced } from "../../domain/flow/Accounting.ts"
import { canaryFunction } from "../../domain/operate/DoctorReport.ts"
import { BackpressureController } from "../../services/BackpressureController.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { BrainConnector } from "../../services/BrainConnector.ts"
import { BrainCore } from "../../services/BrainCore.ts"
import { BrainLink } from "../../services/BrainLink.ts"
import { CellAgent } from "../../services/CellAgent.ts"
import { EventQueue, type QueueItem } from "../../services/EventQueue.ts"
import { Monitor } from "../../services/Monitor.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import { SecureTransport } from "../../services/SecureTransport.ts"
import { TraceStore } from "../../services/TraceStore.ts"
import { canaryArguments, canaryEvent, canarySite, firstOf, probe, unless } from "./Probe.ts"

/** Recent decisions among which a canary is looked for; a busy process may have made thousands since. */
const recentMax = 4_096

const signAndSend = Effect.gen(function*() {
  const transport = yield* SecureTransport
  const link = yield* BrainLink
  const request = transport.signEventUnsafe(yield* canaryEvent(canaryArguments(1)))
  return { transport, link, request, reply: yield* link.send(request.frame) }
})

/** How many events the brain received while something ran. */
const receivedWhile = <A, E, R>(run: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const brain = yield* BrainCore
    const before = yield* brain.status
    const result = yield* run
    const after = yield* brain.status
    return { result, received: after.eventsReceived - before.eventsReceived }
  })

const altered = (frame: Uint8Array, offset: number): Uint8Array => {
  const copy = Uint8Array.from(frame)
  copy[offset] = (copy[offset] ?? 0) ^ 1
  return copy
}

const link = probe(
  "BrainLink",
  "a signed canary reaches the brain and is answered",
  Effect.map(receivedWhile(signAndSend), ({ received, result: { reply } }) =>
    firstOf(
      unless(reply.length > 0, "the answer is empty"),
      unless(received > 0, "the message did not reach the brain")
    ))
)

const transport = probe(
  "SecureTransport",
  "genuine answers verify; altered and foreign ones do not",
  Effect.gen(function*() {
    const { reply, request, transport: secure } = yield* signAndSend
    const other = yield* signAndSend
    const genuine = secure.verifyDecisionUnsafe(request, reply)
    const changed = [0, reply.length >> 1, reply.length - 1].some((offset) =>
      Result.isSuccess(secure.verifyDecisionUnsafe(request, altered(reply, offset)))
    )
    return firstOf(
      unless(Result.isSuccess(genuine), "a genuine answer is refused"),
      unless(
        Result.isSuccess(genuine) && genuine.success.decision.eventId === request.eventId,
        "the answer names another event"
      ),
      unless(!changed, "an altered answer is accepted"),
      unless(
        Result.isFailure(secure.verifyDecisionUnsafe(other.request, reply)),
        "an answer to another request is accepted"
      )
    )
  })
)

const validator = probe(
  "SecurityValidator",
  "a forged canary is refused",
  Effect.gen(function*() {
    const secure = yield* SecureTransport
    const brain = yield* BrainLink
    const { frame } = secure.signEventUnsafe(yield* canaryEvent(canaryArguments(2)))
    const answered = yield* Effect.result(brain.send(altered(frame, frame.length >> 1)))
    return unless(
      Result.isFailure(answered) && answered.failure.reason._tag === "LinkRejected",
      "a message with one bit changed was accepted"
    )
  })
)

const replay = probe(
  "ReplayGuard",
  "a replayed canary is refused",
  Effect.gen(function*() {
    const { link: brain, request } = yield* signAndSend
    const again = yield* Effect.result(brain.send(request.frame))
    return unless(
      Result.isFailure(again) && again.failure.reason._tag === "LinkRejected",
      "the same message was accepted twice"
    )
  })
)

/** Canaries put into the queue at most: woken workers take the first few at once, and ignore them. */
const queuedMax = 256

/**
 * Puts canaries into the empty queue until one stays, looks, and takes them out again: one synchronous step, so that no
 * event of the application is touched. `undefined` while the application's own events are in the queue.
 */
const withQueued = <A>(look: (out: () => QueueItem | undefined, item: QueueItem) => A) =>
  Effect.gen(function*() {
    const events = yield* EventQueue
    const event = yield* canaryEvent(canaryArguments(3))
    return yield* Effect.sync(() => {
      if (events.utilizationUnsafe() > 0) return undefined
      const item: QueueItem = { event, bytes: 1, priority: event.priority, dropped: () => {} }
      for (let i = 0; i < queuedMax && events.utilizationUnsafe() === 0; i++) events.enqueueUnsafe(item)
      const seen = look(events.dequeueUnsafe, item)
      for (let left = 0; left < queuedMax && events.dequeueUnsafe() !== undefined; left++);
      return seen
    })
  })

const queue = probe(
  "EventQueue",
  "what is queued comes out, and is counted",
  withQueued((out, item) => unless(out() === item, "a queued event did not come out"))
)

const backpressure = probe(
  "BackpressureController",
  "the signal tells how full the queue is",
  Effect.flatMap(BackpressureController, (controller) =>
    withQueued(() => {
      const signal = controller.checkAndSignalUnsafe()
      return firstOf(
        unless(signal.queueUtilization > 0, "the signal does not see a queued event"),
        unless(signal.active || signal.recommendedRate === 1, "a rate below 1 is recommended without need")
      )
    }))
)

const batch = probe(
  "BrainCore",
  "a batch passes the queue and its workers",
  Effect.gen(function*() {
    const secure = yield* SecureTransport
    const link = yield* BrainLink
    const brain = yield* BrainCore
    const before = yield* brain.status
    const request = secure.signEventsUnsafe([
      yield* canaryEvent(canaryArguments(4)),
      yield* canaryEvent(canaryArguments(5))
    ])
    const reply = yield* link.send(request.frame)
    const verified = secure.verifyDecisionsUnsafe(request, reply)
    const after = yield* brain.status
    return firstOf(
      unless(
        Result.isSuccess(verified) && verified.success.decisions.length === 2,
        "the batch was not answered in full"
      ),
      unless(after.running, "the brain is stopped"),
      unless(after.eventsAnalysed >= before.eventsAnalysed + 2, "events are not analysed")
    )
  })
)

const connector = probe(
  "BrainConnector",
  "an enforced canary gets its verdict from the brain",
  Effect.gen(function*() {
    const connection = yield* BrainConnector
    const event = yield* canaryEvent(canaryArguments(6))
    const { received, result: decision } = yield* receivedWhile(
      connection.sendEvent(event, { enforced: true, failMode: undefined })
    )
    const failed = ["fail_open", "fail_closed", "last_known_good"].includes(decision.source)
    return firstOf(
      unless(!failed, `the fail policy decided: ${decision.reason}`),
      unless(received > 0, "the event did not reach the brain"),
      unless(decision.eventId === event.id, "the decision names another event"),
      unless(yield* connection.isAvailable, "the brain is said to be unavailable")
    )
  })
)

/** One whole call, as an application makes it. */
const call = (service: "Monitor" | "CellAgent") =>
  probe(
    service,
    "a call is judged and accounted for",
    Effect.gen(function*() {
      const agent = yield* CellAgent
      const front = service === "Monitor" ? yield* Monitor : agent
      const before = yield* agent.accounting
      if (!front.enabledUnsafe()) return "it is switched off"
      const judging = front.judgeUnsafe(canarySite, canaryArguments(7), "")
      const judged = Effect.isEffect(judging) ? yield* judging : judging
      front.reportUnsafe(canarySite, judged, "success", "")
      yield* agent.flush
      const after = yield* agent.accounting
      return firstOf(
        unless(after.offered > before.offered, "the call is not counted"),
        unless(balanced(after), "the accounting does not balance"),
        unless(judged.decision.source !== "disabled", "the call was not judged")
      )
    })
  )

const traces = probe(
  "TraceStore",
  "recent decisions can be looked up",
  Effect.gen(function*() {
    const store = yield* TraceStore
    const recent = yield* store.recent(recentMax)
    const canary = recent.find((entry) => entry.event.fn === canaryFunction)
    if (canary === undefined) return "no canary is among the recent events"
    const found = yield* store.findDecision(canary.decision.id)
    return unless(found?.event.id === canary.event.id, "a recent decision is not found by its id")
  })
)

const profile = probe(
  "BaselineProfiler",
  "canaries are learned",
  Effect.gen(function*() {
    const profiler = yield* BaselineProfiler
    const known = yield* profiler.profile(canaryFunction)
    return unless(known !== undefined && known.learned + known.calibrated > 0, "nothing was learned from the canaries")
  })
)

const metrics = probe(
  "PicMetrics",
  "canaries and refusals are counted",
  Effect.gen(function*() {
    const { counters } = yield* (yield* PicMetrics).getStats
    return firstOf(
      unless(counters.events_sent + counters.throttling_events > 0, "no event was counted"),
      unless(counters.security_violations > 0, "the forged and the replayed canary were not counted")
    )
  })
)

/** Proofs of the whole way of a call, in its order. */
export const probes = [
  link,
  transport,
  validator,
  replay,
  queue,
  backpressure,
  batch,
  connector,
  call("CellAgent"),
  call("Monitor"),
  traces,
  profile,
  metrics
]
