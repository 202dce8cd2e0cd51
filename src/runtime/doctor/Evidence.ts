import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { canaryFunction } from "../../domain/operate/DoctorReport.ts"
import { Alerts } from "../../services/Alerts.ts"
import { AnomalyDetector } from "../../services/AnomalyDetector.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { AuditStore } from "../../services/AuditStore.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { attackArguments, canaryArguments, canaryEvent, firstOf, probe, unless } from "./Probe.ts"

/** Most events that a disposable instance learns; `brain.min_samples` beyond it are not waited for. */
const learnedMax = 20_000

const logger = (thorough: boolean) =>
  probe(
    "AuditLogger",
    thorough ? "a record is durable and the chain verifies" : "a record is durable",
    Effect.gen(function*() {
      const audit = yield* AuditLogger
      const record = yield* audit.record("operator", { action: "doctor", fn: canaryFunction })
      const { records } = yield* audit.query({ kind: "operator", since: record.time, limit: 100 })
      const missing = unless(records.some((one) => one.seq === record.seq), "the record cannot be found again")
      if (missing !== undefined || !thorough) return missing
      const report = yield* audit.verify
      return unless(report.ok && report.records > 0, `the log does not verify: ${report.detail}`)
    })
  )

const store = probe(
  "AuditStore",
  "the stored record is the written one, and the head covers it",
  Effect.gen(function*() {
    const audit = yield* AuditLogger
    const evidence = yield* AuditStore
    const record = yield* audit.record("operator", { action: "doctor", fn: canaryFunction })
    const [stored] = yield* evidence.read(record.seq, 1)
    const head = yield* evidence.head
    return firstOf(
      unless(stored !== undefined && Buffer.compare(stored.hash, record.hash) === 0, "the record is not in the store"),
      unless(head !== undefined && head.seq >= record.seq, "the external head does not cover the record")
    )
  })
)

const detectorLive = probe(
  "AnomalyDetector",
  "a canary is assessed in the state of its baseline",
  Effect.gen(function*() {
    const detector = yield* AnomalyDetector
    const profiler = yield* BaselineProfiler
    const assessment = detector.scoreUnsafe(yield* canaryEvent(canaryArguments(8)))
    const known = yield* profiler.profile(canaryFunction)
    return firstOf(
      unless(
        known === undefined || known.state === assessment.state,
        `it says ${assessment.state}, the baseline ${known?.state}`
      ),
      unless(assessment.pValue >= 0 && assessment.pValue <= 1, "its p-value is no probability")
    )
  })
)

/** Teaches a disposable instance what canaries look like, then shows it something else. */
const detectorThorough = probe(
  "AnomalyDetector",
  "ordinary canaries pass, an attack stands out",
  Effect.gen(function*() {
    const detector = yield* AnomalyDetector
    const profiler = yield* BaselineProfiler
    const { brain } = (yield* PicConfig).settingsUnsafe()
    const count = Math.min(learnedMax, Math.max(500, brain.min_samples * 3))
    const start = (yield* PicClock).nowUnsafe() - count * 1000
    for (let i = 0; i < count; i++) {
      const event = yield* canaryEvent(canaryArguments(i), start + i * 1000)
      profiler.learnUnsafe(event, detector.scoreUnsafe(event))
    }
    yield* profiler.finishLearning
    const normal = detector.scoreUnsafe(yield* canaryEvent(canaryArguments(1)))
    const attack = detector.scoreUnsafe(yield* canaryEvent(attackArguments))
    return firstOf(
      unless(attack.state === "ready", `after ${count} canaries it is still ${attack.state}`),
      unless(attack.pValue < brain.false_positive_rate, `an attack has p-value ${attack.pValue}`),
      unless(attack.findings.length > 0, "an attack has no explanation"),
      unless(normal.pValue >= brain.false_positive_rate, `an ordinary canary has p-value ${normal.pValue}`)
    )
  })
)

const alerts = probe(
  "Alerts",
  "an alert reaches its readers",
  Effect.gen(function*() {
    const service = yield* Alerts
    const seen = yield* Effect.forkChild(
      Stream.runHead(Stream.filter(service.stream, (alert) => alert.message.startsWith("doctor canary"))),
      { startImmediately: true }
    )
    yield* Effect.sleep(1)
    service.raiseUnsafe("review", "doctor canary: nothing to do")
    return unless(Option.isSome(yield* Fiber.join(seen)), "the alert was not seen")
  })
)

const healthChange = probe(
  "PicHealth",
  "a reported condition is visible until it is cleared",
  Effect.gen(function*() {
    const health = yield* PicHealth
    health.reportUnsafe("pic.doctor", "degraded", "doctor canary")
    const during = yield* health.status
    health.clearUnsafe("pic.doctor")
    const after = yield* health.status
    const sees = (reasons: ReadonlyArray<string>): boolean => reasons.some((reason) => reason.includes("doctor canary"))
    return firstOf(
      unless(sees(during.reasons), "a reported condition is not visible"),
      unless(!sees(after.reasons), "a cleared condition is still visible")
    )
  })
)

const healthLine = probe(
  "PicHealth",
  "health says what the system does",
  Effect.gen(function*() {
    const { line, state } = yield* (yield* PicHealth).status
    const { cellagent, rollout } = (yield* PicConfig).settingsUnsafe()
    return firstOf(
      unless(line !== "", "the start-up line is empty"),
      unless(cellagent.enabled || state === "not_protecting", "it says that it protects while it is switched off"),
      unless(state !== "enforcing" || rollout.mode === "enforce", "it says enforcing while it observes")
    )
  })
)

/** Proofs of evidence, detection and what an operator sees. A disposable instance may be taught and disturbed. */
export const probes = (thorough: boolean) =>
  thorough
    ? [logger(true), store, detectorThorough, alerts, healthLine, healthChange]
    : [logger(false), store, detectorLive, healthLine]
