import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import { encodeBody } from "../../domain/audit/BodyBytes.ts"
import type { AuditBody, AuditKind, AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { Tally } from "../../domain/audit/Tally.ts"
import type { Settings } from "../../domain/settings/Settings.ts"
import { Alerts } from "../../services/Alerts.ts"
import { AuditLogger, AuditLoggerError, AuditTimeout, AuditUnavailable } from "../../services/AuditLogger.ts"
import { AuditStore, AuditStoreError } from "../../services/AuditStore.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"
import * as AuditSpool from "../store/AuditSpool.ts"
import { collector, prove, scan, verifierCrypto } from "./AuditReader.ts"
import { retire } from "./AuditRetention.ts"
import { AuditWriter, type Resume } from "./AuditWriter.ts"
import { Deadlines } from "./Deadlines.ts"

/** How often summaries of allowed calls and gap records are written: the specification's second. */
export const summaryInterval = "1 second"

/** Functions that have a summary of their own; the calls of all others are counted together. */
export const summaryFunctionsMax = 10_000

/** Kinds of loss that are counted apart. They are names in our own code, so this is never a real limit. */
export const lossKindsMax = 256

/** How often, beginning at start, records are looked for that are older than `audit.retention_days`. */
export const retentionInterval = "1 hour"

const dayMs = 86_400_000

/** How long `flush` waits for the store. */
export const flushWaitMs = 10_000

/** How long closing may wait for the last records; then they go to the spool. */
export const closeWaitMs = 3_000

/** Durable records that a slow reader of `tail` may be behind before it misses the oldest. */
export const tailCapacity = 4_096

const condition = "audit"

const unreadable = (error: AuditStoreError | AuditUnavailable) =>
  new AuditLoggerError({
    reason: error instanceof AuditStoreError ? new AuditUnavailable({ detail: error.detail }) : error
  })

const timedOut = (waitMs: number) => Effect.fail(new AuditLoggerError({ reason: new AuditTimeout({ waitMs }) }))

/** Calls allowed and events lost since they were last written down. */
class Counts {
  readonly #allows = new Tally(summaryFunctionsMax)
  readonly #losses = new Tally(lossKindsMax)
  readonly #now: () => number
  #since: number

  constructor(now: () => number) {
    this.#now = now
    this.#since = now()
  }

  allow(fn: string): void {
    this.#allows.add(fn)
  }

  lose(what: string, count: number): void {
    if (count > 0) this.#losses.add(what, count)
  }

  /** Writes one summary per function and one gap record, where there is something to say. */
  writeTo(add: (kind: AuditKind, body: AuditBody) => void): void {
    const span = { from: this.#since, to: this.#now() }
    this.#since = span.to
    for (const [fn, count] of this.#allows.take()) add("allow_summary", { fn, count, ...span })
    if (this.#losses.total > 0) add("loss", { lost: Object.fromEntries(this.#losses.take()), ...span })
  }
}

const makeSpool = Effect.fnUntraced(function*(settings: Settings) {
  const crypto = yield* CryptoCore
  const keys = yield* KeyManager
  const { directory } = settings.storage
  return yield* AuditSpool.make(directory === "memory" ? undefined : directory, {
    sign: (data) => {
      const key = keys.getActiveKeyUnsafe("audit")
      return { keyId: key.id, mac: new Uint8Array(crypto.macUnsafe(key, data)) }
    },
    verify: (keyId, data, mac) => {
      const key = keys.auditKeyUnsafe(keyId)
      return key !== undefined && crypto.verifyMacUnsafe(key, data, mac)
    }
  })
})

const sayWhereTheHeadLies = ({ audit, storage }: Settings) => {
  if (storage.directory === "memory") return Effect.void
  const inside = audit.head_path === "" || !Path.relative(storage.directory, audit.head_path).startsWith("..")
  return inside
    ? Effect.logInfo(
      "effect-pic: audit.head lies in storage.directory; evidence is not proof against rolling the whole directory back"
    )
    : Effect.void
}

const make = Effect.gen(function*() {
  const store = yield* AuditStore
  const config = yield* PicConfig
  const crypto = yield* CryptoCore
  const keys = yield* KeyManager
  const clock = yield* PicClock
  const alerts = yield* Alerts
  const metrics = yield* PicMetrics
  const health = yield* PicHealth
  const settings = config.settingsUnsafe()
  const durable = yield* PubSub.sliding<AuditRecord>(tailCapacity)
  const spool = yield* makeSpool(settings)
  const counts = new Counts(clock.nowUnsafe)

  const writer = new AuditWriter(store, spool, {
    written: (records) => {
      metrics.incrementUnsafe("audit_records", records.length)
      for (const record of records) PubSub.publishUnsafe(durable, record)
    },
    lost: (what, count) => counts.lose(what, count),
    down: (detail) => {
      health.reportUnsafe(condition, "degraded", `evidence cannot be written: ${detail}`)
      alerts.raiseUnsafe("audit_failure", `evidence cannot be written (${detail}); records wait in the spool`)
    },
    up: () => health.clearUnsafe(condition)
  }, clock.nowUnsafe)
  /** Counts the failure of a record that nobody waits for; who waits counts it with his deadline. */
  const countFailure: Resume = (outcome) => {
    if (Exit.isFailure(outcome)) metrics.incrementUnsafe("audit_failures")
  }
  const add = (kind: AuditKind, body: AuditBody, resume = countFailure) => writer.add(kind, encodeBody(body), resume)
  const summarise = Effect.sync(() => {
    // While the store is down counts only grow: as records they would push evidence out of the spool.
    if (writer.available) counts.writeTo(add)
  })
  if (spool.refused > 0) counts.lose("spooled record: not signed by us", spool.refused)

  const deadlines = new Deadlines(clock.nowUnsafe)
  const record = (kind: AuditKind, body: AuditBody) =>
    Effect.callback<AuditRecord, AuditLoggerError>((resume) => {
      const { wait_ms } = config.settingsUnsafe().audit
      const fail = (failure: Effect.Effect<never, AuditLoggerError>) => {
        metrics.incrementUnsafe("audit_failures")
        resume(failure)
      }
      const inTime = deadlines.add(wait_ms, () => fail(timedOut(wait_ms)))
      add(kind, body, (outcome) => {
        if (!inTime()) return
        if (Exit.isFailure(outcome)) fail(Effect.failCause(outcome.cause))
        // A store that acknowledges without a record has no evidence.
        else if (outcome.value === undefined) fail(timedOut(wait_ms))
        else resume(Effect.succeed(outcome.value))
      })
    })
  const flush = Effect.andThen(
    summarise,
    Effect.callback<AuditRecord | undefined, AuditLoggerError>((resume) => writer.barrier(resume)).pipe(
      Effect.timeoutOrElse({ duration: flushWaitMs, orElse: () => timedOut(flushWaitMs) }),
      Effect.asVoid
    )
  )
  const witnesses = () => writer.witness === undefined ? [] : [writer.witness]
  const read = (visit: (record: AuditRecord) => void) =>
    Effect.suspend(() => Effect.mapError(scan(store, verifierCrypto(crypto, keys), witnesses(), visit), unreadable))

  const retireOld = Effect.suspend(() => {
    const { audit, storage } = config.settingsUnsafe()
    if (audit.retention_days === "off" || storage.directory === "memory" || !writer.available) return Effect.void
    const now = clock.nowUnsafe()
    const retiring = {
      crypto: verifierCrypto(crypto, keys),
      sign: keys.signCheckpointUnsafe,
      witnesses: witnesses(),
      record: (body: AuditBody) => record("operator", body)
    }
    return Effect.catchCause(
      Effect.asVoid(retire(store, retiring, now - audit.retention_days * dayMs, now)),
      (cause) => Effect.logWarning("effect-pic: old evidence was not retired", cause)
    )
  })

  yield* sayWhereTheHeadLies(settings)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(retireOld, Effect.sleep(retentionInterval))))
  yield* Effect.forkScoped(deadlines.run)
  yield* Effect.forkScoped(writer.watch)
  yield* Effect.forkScoped(writer.run)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(summaryInterval), summarise)))
  yield* Effect.addFinalizer(() =>
    Effect.ignore(Effect.timeout(flush, closeWaitMs)).pipe(
      Effect.andThen(writer.abandon("the process ended before the store answered"))
    )
  )

  return AuditLogger.of({
    record,
    recordUnsafe: (kind, body) => add(kind, body),
    noteAllowUnsafe: (fn) => counts.allow(fn),
    noteLossUnsafe: (what, count) => counts.lose(what, count),
    flush,
    verify: read(() => undefined),
    query: (query) =>
      Effect.suspend(() => {
        const { answer, visit } = collector(query)
        return Effect.flatMap(read(visit), (report) =>
          report.ok
            ? Effect.succeed(answer())
            : Effect.fail(
              new AuditLoggerError({ reason: new AuditUnavailable({ detail: `the log is damaged: ${report.detail}` }) })
            ))
      }),
    prove: (seq) =>
      Effect.suspend(() => Effect.mapError(prove(store, verifierCrypto(crypto, keys), witnesses(), seq), unreadable)),
    tail: Stream.fromPubSub(durable)
  })
})

/** Layer that queues, groups and spools evidence, and verifies it. Its scope writes the last records when it closes. */
export const layer: Layer.Layer<
  AuditLogger,
  never,
  AuditStore | CryptoCore | KeyManager | PicConfig | PicClock | Alerts | PicMetrics | PicHealth
> = Layer.effect(AuditLogger, make)
