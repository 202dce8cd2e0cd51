import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import { encodeBody } from "../../domain/audit/BodyBytes.ts"
import type { AuditKind, AuditRecord } from "../../domain/audit/AuditRecord.ts"
import type { Witness } from "../../domain/audit/Verifier.ts"
import { AuditLoggerError, AuditUnavailable } from "../../services/AuditLogger.ts"
import { type AuditEntry, type AuditStore, AuditStoreError } from "../../services/AuditStore.ts"
import type { AuditSpool } from "../store/AuditSpool.ts"
import { Deadlines } from "./Deadlines.ts"

/** Most records that wait for the store: seconds of blocks at full speed, and bounded memory while it is slow. */
export const queueRecordsMax = 16_384

/** Most bytes of bodies that wait for the store. */
export const queueBytesMax = 16 * 1024 * 1024

/** Most records that are handed to the store at a time; it makes one transaction and one sync of them. */
export const groupRecordsMax = 512

/** How long the store may take for one group before records go to the spool instead of waiting behind it. */
export const stallMs = 2_000

/** First and longest wait before a store that failed is tried again. */
export const retryMs = { first: 100, longest: 5_000 } as const

/** Where an outcome goes: the record, or why there is none. */
export type Resume = (outcome: Exit.Exit<AuditRecord | undefined, AuditLoggerError>) => void

/** One record that waits, or (without an entry) somebody who waits for all records before him. */
interface Pending {
  readonly entry: AuditEntry | undefined
  readonly resume: Resume | undefined
}

/** What the writer tells others. None of these may throw. */
export interface WriterEvents {
  readonly written: (records: ReadonlyArray<AuditRecord>) => void
  readonly lost: (what: string, count: number) => void
  readonly down: (detail: string) => void
  readonly up: () => void
}

const unavailable = (detail: string) => new AuditLoggerError({ reason: new AuditUnavailable({ detail }) })

/**
 * The queue between those who record and the store: groups what waits, spools what the store cannot take, and tries a
 * failed store again. Runs in one fiber (`run`); everything else is plain and immediate.
 */
export class AuditWriter {
  readonly #store: AuditStore["Service"]
  readonly #spool: AuditSpool
  readonly #events: WriterEvents
  readonly #now: () => number
  readonly #stalls: Deadlines
  readonly #signal = Latch.makeUnsafe(false)
  #queue: Array<Pending> = []
  #queueBytes = 0
  #downSince: number | undefined
  #detail = ""
  #witness: Witness | undefined

  constructor(store: AuditStore["Service"], spool: AuditSpool, events: WriterEvents, now: () => number) {
    this.#store = store
    this.#spool = spool
    this.#events = events
    this.#now = now
    this.#stalls = new Deadlines(now)
  }

  /** The last record that the store acknowledged. */
  get witness(): Witness | undefined {
    return this.#witness
  }

  /** Whether the store takes records now. */
  get available(): boolean {
    return this.#downSince === undefined
  }

  /** Puts a record in the queue; where that is impossible it is spooled or counted, and `resume` hears so at once. */
  add(kind: AuditKind, body: Uint8Array, resume: Resume | undefined): void {
    const entry = { time: this.#now(), kind, body }
    if (!this.available) {
      this.#keep(entry)
      return resume?.(Exit.fail(unavailable(this.#detail)))
    }
    if (this.#queue.length >= queueRecordsMax || this.#queueBytes + body.length > queueBytesMax) {
      this.#events.lost(`${kind} record: queue full`, 1)
      return resume?.(Exit.fail(unavailable("the queue of records is full")))
    }
    this.#queueBytes += body.length
    this.#queue.push({ entry, resume })
    this.#signal.openUnsafe()
  }

  /** `resume` hears when everything that was added before is durable, or that it will not be soon. */
  barrier(resume: Resume): void {
    if (!this.available) return resume(Exit.fail(unavailable(this.#detail)))
    this.#queue.push({ entry: undefined, resume })
    this.#signal.openUnsafe()
  }

  /** Gives up waiting for the store: what still waits goes to the spool, and into its file. */
  abandon(detail: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#queue.length > 0) this.#goDown(detail)
      return this.#spool.sync
    })
  }

  /** Watches for ever whether the store answers. */
  get watch(): Effect.Effect<never> {
    return this.#stalls.run
  }

  /** Writes for ever. */
  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => Effect.andThen(this.#recoverSpool(), Effect.andThen(this.#signal.await, this.#writeQueue())))
  )

  /** Writes what waits, group by group, until nothing does or the store fails. */
  #writeQueue(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#queue.length === 0) {
        this.#signal.closeUnsafe()
        return Effect.void
      }
      const group = this.#queue.splice(0, groupRecordsMax)
      const entries = group.flatMap(({ entry }) => entry === undefined ? [] : [entry])
      this.#queueBytes -= entries.reduce((sum, { body }) => sum + body.length, 0)
      return Effect.flatMap(this.#append(entries), (outcome) => {
        if (Result.isSuccess(outcome)) {
          const { success } = outcome
          this.#noteWritten(success)
          const settle = Effect.sync(() => this.#settle(group, success))
          if (this.#downSince !== undefined) return Effect.andThen(settle, this.#retry(0))
          // Where more is waiting, the store gets that first and works on it while these callers are answered.
          return Effect.andThen(this.#queue.length > 0 ? Effect.forkChild(settle) : settle, this.#writeQueue())
        }
        for (const { entry, resume } of group) {
          if (entry !== undefined) this.#keep(entry)
          resume?.(Exit.fail(unavailable(outcome.failure)))
        }
        this.#goDown(outcome.failure)
        return this.#retry(0)
      })
    })
  }

  /** Appends; while the store does not answer, records that come meanwhile are spooled instead of piling up behind it. */
  #append(entries: ReadonlyArray<AuditEntry>): Effect.Effect<Result.Result<ReadonlyArray<AuditRecord>, string>> {
    if (entries.length === 0) return Effect.succeed(Result.succeed([]))
    return Effect.suspend(() => {
      const answered = this.#stalls.add(
        stallMs,
        () => this.#goDown(`the store has not answered for ${stallMs} ms`)
      )
      return Effect.matchCause(this.#store.append(entries), {
        onSuccess: (records) => {
          answered()
          return Result.succeed(records)
        },
        onFailure: (cause) => {
          answered()
          return Result.fail(describe(cause))
        }
      })
    })
  }

  #settle(group: ReadonlyArray<Pending>, records: ReadonlyArray<AuditRecord>): void {
    let at = 0
    for (const { entry, resume } of group) resume?.(Exit.succeed(entry === undefined ? undefined : records[at++]))
  }

  #noteWritten(records: ReadonlyArray<AuditRecord>): void {
    const last = records.at(-1)
    if (last === undefined) return
    this.#witness = { seq: last.seq, hash: last.hash }
    this.#events.written(records)
  }

  #keep(entry: AuditEntry): void {
    if (!this.#spool.addUnsafe(entry)) this.#events.lost(`${entry.kind} record: spool full`, 1)
  }

  #goDown(detail: string): void {
    this.#detail = detail
    if (this.#downSince === undefined) this.#downSince = this.#now()
    this.#events.down(detail)
    const waiting = this.#queue
    this.#queue = []
    this.#queueBytes = 0
    for (const { entry, resume } of waiting) {
      if (entry !== undefined) this.#keep(entry)
      resume?.(Exit.fail(unavailable(detail)))
    }
  }

  /** Tries the store again, with a note of the outage, until it takes it; then everything spooled follows. */
  #retry(attempt: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let n = attempt; this.#downSince !== undefined; n++) {
        yield* this.#spool.sync
        if (n > 0) yield* Effect.sleep(Math.min(retryMs.longest, retryMs.first * 2 ** Math.min(n - 1, 16)))
        const body = encodeBody({
          event: "evidence could not be written",
          detail: this.#detail,
          since: this.#downSince,
          spooled: this.#spool.size()
        })
        const outcome = yield* this.#append([{ time: this.#now(), kind: "health", body }])
        if (Result.isFailure(outcome)) {
          this.#goDown(outcome.failure)
          continue
        }
        this.#noteWritten(outcome.success)
        this.#downSince = undefined
        this.#events.up()
      }
      yield* this.#recoverSpool()
    })
  }

  /** Brings what was spooled into the log, oldest first. */
  #recoverSpool(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      while (this.#spool.size() > 0) {
        const entries = this.#spool.peek(groupRecordsMax)
        const outcome = yield* this.#append(entries)
        if (Result.isFailure(outcome)) {
          this.#goDown(outcome.failure)
          return yield* this.#retry(1)
        }
        this.#noteWritten(outcome.success)
        yield* this.#spool.remove(entries.length)
        // The store stalled in between and was given up, but answered after all: only a retry brings it up again.
        if (this.#downSince !== undefined) return yield* this.#retry(0)
      }
    })
  }
}

const describe = (cause: Cause.Cause<AuditStoreError>): string => {
  const error = Cause.squash(cause)
  return error instanceof AuditStoreError ? error.detail : "the store failed in an unexpected way"
}
