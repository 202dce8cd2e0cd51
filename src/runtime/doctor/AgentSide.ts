import * as Effect from "effect/Effect"
import { unjudged } from "../../domain/Assessment.ts"
import { Exceptions } from "../../services/Exceptions.ts"
import { FailPolicy } from "../../services/FailPolicy.ts"
import { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"
import { SamplingController } from "../../services/SamplingController.ts"
import { TelemetryGenerator } from "../../services/TelemetryGenerator.ts"
import { TraceStore } from "../../services/TraceStore.ts"
import { DecisionEngine } from "../../services/DecisionEngine.ts"
import { canaryFunction } from "../../domain/operate/DoctorReport.ts"
import { clear } from "../../domain/BackpressureSignal.ts"
import { attackArguments, canaryArguments, canaryEvent, firstOf, probe, unless } from "./Probe.ts"

/** Calls after which a limiter of a disposable instance must have refused one, above its own burst. */
const floodMargin = 1.5
/** Longest flood: settings that allow more than this in a burst are as good as no limit within a second. */
const floodMax = 2_000_000

const describe = probe(
  "TelemetryGenerator",
  "arguments are described, their values stay inside",
  Effect.gen(function*() {
    const telemetry = yield* TelemetryGenerator
    const secret = "canary-7f3a"
    const features = telemetry.describeUnsafe([secret, 42, { note: secret }], undefined)
    const [first] = features.arguments
    const other = telemetry.describeUnsafe(["another-77", 42, { note: secret }], undefined)
    return firstOf(
      unless(features.arity === 3 && features.arguments.length >= 3, "arguments are missing from the description"),
      unless(first?.type === "string" && first.size === secret.length, "a string is not described as one"),
      unless(!JSON.stringify(features).includes(secret), "a raw value is in the description"),
      unless(first?.value !== other.arguments[0]?.value, "different values have the same hash"),
      unless(telemetry.hashUnsafe("a") !== telemetry.hashUnsafe("b"), "different subjects have the same hash")
    )
  })
)

/** In a running process one token is taken and must be counted; a disposable one is flooded until it refuses. */
const limiter = (thorough: boolean) =>
  probe(
    "RateLimiter",
    thorough ? "a flood is refused" : "a call is counted against its limits",
    Effect.gen(function*() {
      const rateLimiter = yield* RateLimiter
      const { cellagent } = (yield* PicConfig).settingsUnsafe()
      const admitted = rateLimiter.checkRateUnsafe(canaryFunction)
      const { globalRate } = yield* rateLimiter.status
      if (!thorough) return unless(!admitted || globalRate > 0, "an admitted call is not counted")
      const burst = cellagent.burst === "limit" ? cellagent.per_function_limit : cellagent.burst
      const calls = (Math.min(burst, cellagent.global_rate_limit) + cellagent.per_function_limit) * floodMargin + 10
      if (calls > floodMax) return unless(globalRate > 0, "an admitted call is not counted")
      for (let i = 0; i < calls; i++) if (!rateLimiter.checkRateUnsafe(canaryFunction)) return undefined
      return `${Math.floor(calls)} calls at once were all admitted`
    })
  )

const sampling = (thorough: boolean) =>
  probe(
    "SamplingController",
    thorough ? "the rate follows the brain's signal" : "the rate is at most the configured one",
    Effect.gen(function*() {
      const controller = yield* SamplingController
      const base = (yield* PicConfig).settingsUnsafe().cellagent.sampling_rate
      const rate = controller.rateUnsafe()
      const sampled = controller.sampleUnsafe()
      const plain = firstOf(
        unless(rate >= 0 && rate <= base, `the rate is ${rate}, configured is ${base}`),
        unless(rate > 0 || base === 0, "nothing at all is analysed"),
        unless(rate < 1 || sampled, "a call was skipped at a rate of 1"),
        unless(rate > 0 || !sampled, "a call was taken at a rate of 0")
      )
      if (!thorough || plain !== undefined) return plain
      const wanted = base / 4
      controller.applySignalUnsafe({ active: true, recommendedRate: wanted, queueUtilization: 0.9, reason: "doctor" })
      const lowered = controller.rateUnsafe()
      controller.applySignalUnsafe(clear)
      return unless(lowered <= wanted, `the brain asked for ${wanted} and the rate is ${lowered}`)
    })
  )

const failures = probe(
  "FailPolicy",
  "fail-closed blocks, fail-open allows, observed calls run",
  Effect.gen(function*() {
    const policy = yield* FailPolicy
    const event = yield* canaryEvent(canaryArguments(0))
    const closed = policy.decideUnsafe("Timeout", event, { enforced: true, failMode: "closed" })
    const observed = policy.decideUnsafe("Timeout", event, { enforced: false, failMode: "closed" })
    return firstOf(
      unless(closed.action === "block" && closed.source === "fail_closed", "fail-closed does not block"),
      unless(observed.action === "allow", "an observed call would not run"),
      unless(closed.eventId === event.id, "the decision does not name its event")
    )
  })
)

const recovery = probe(
  "ErrorRecovery",
  "a communication failure ends in the fail policy",
  Effect.gen(function*() {
    const errors = yield* ErrorRecovery
    const event = yield* canaryEvent(canaryArguments(0))
    const decision = errors.handleCommunicationErrorUnsafe("Timeout", event, { enforced: true, failMode: "closed" })
    return unless(decision.action === "block", "a failure of an enforced call in fail-closed does not block")
  })
)

const engine = probe(
  "DecisionEngine",
  "an anomaly is blocked where enforced, noted where observed",
  Effect.gen(function*() {
    const decisions = yield* DecisionEngine
    const anomaly = { ...unjudged("ready"), score: 100, pValue: 1e-9 }
    const normal = { ...unjudged("ready"), pValue: 0.5 }
    const decide = (assessment: typeof normal, enforced: boolean) =>
      Effect.map(canaryEvent(canaryArguments(0)), (event) => decisions.decideUnsafe(event, assessment, enforced))
    const enforced = yield* decide(anomaly, true)
    const observed = yield* decide(anomaly, false)
    const allowed = yield* decide(normal, true)
    const learning = yield* decide(unjudged("learning"), true)
    return firstOf(
      unless(enforced.action === "block", "an anomaly is not blocked"),
      unless(observed.action === "allow" && observed.wouldBlock, "an observed anomaly is not noted"),
      unless(allowed.action === "allow" && !allowed.wouldBlock, "a normal call is blocked"),
      unless(learning.source === "training", "a function that is still learning is judged")
    )
  })
)

const exceptions = probe(
  "Exceptions",
  "an anomaly passes by its exception, and no longer once that is revoked",
  Effect.gen(function*() {
    const decisions = yield* DecisionEngine
    const service = yield* Exceptions
    const owner = "pic doctor"
    const found = {
      detector: "shape",
      path: "0",
      expected: "a canary",
      seen: "argument 1: a canary",
      pValue: 1e-9
    } as const
    const anomaly = { ...unjudged("ready"), score: 100, pValue: 1e-9, findings: [found] }
    const judge = Effect.map(
      canaryEvent(attackArguments),
      (event) => ({ event, decision: decisions.decideUnsafe(event, anomaly, false) })
    )
    const first = yield* judge
    ;(yield* TraceStore).appendUnsafe(first)
    const { id } = yield* service.allow({ decisionId: first.decision.id, seconds: 60, reason: "doctor canary", owner })
    const during = yield* judge
    const listed = (yield* service.list).find((one) => one.id === id)
    yield* service.revoke(id, owner)
    const after = yield* judge
    return firstOf(
      unless(listed?.fn === canaryFunction, "an exception that was made is not listed"),
      unless(during.decision.source === "exception", "what an exception covers is still called anomalous"),
      unless(listed?.hits === 1, "the use of an exception is not counted"),
      unless(after.decision.wouldBlock, "a revoked exception still holds")
    )
  })
)

/** Proofs of the agent's side and of the decision tables. */
export const probes = [describe, limiter(false), sampling(false), failures, recovery, engine, exceptions]

/** Proofs that leave a limiter without tokens and a sampling rate that recovers slowly. */
export const disturbing = [sampling(true), limiter(true)]
