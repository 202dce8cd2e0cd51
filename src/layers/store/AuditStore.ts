import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { AuditAnchor } from "../../domain/audit/AuditAnchor.ts"
import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { type ChainTail, sealRecord } from "../../domain/audit/Chain.ts"
import { packEntries, unpackRecords, unpackSeals } from "../../domain/audit/Frames.ts"
import { checkpointBytes, checkpointMs, headMacBytes } from "../../domain/audit/HeadSigning.ts"
import { MerkleTree } from "../../domain/audit/MerkleTree.ts"
import { bodyBytesMax, genesisHash, logIdLength } from "../../domain/audit/RecordBytes.ts"
import { type AuditEntry, AuditStore, AuditStoreError } from "../../services/AuditStore.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import type { AuditRequest } from "./AuditRequests.ts"
import * as StorageThread from "./StorageThread.ts"
import type * as StoreThread from "./StoreThread.ts"

/** Most records in one transaction: beyond a few hundred, larger groups are no faster, only later. */
export const groupRecordsMax = 512

/** Most records in one answer of `read`. */
export const readRecordsMax = 4_096

/** How long closing may wait for the last checkpoint; without it the last records are in the log and cannot be proved yet. */
const closeWaitMs = 1_000

/** Names of the files of the log in the storage directory. */
export const fileNames = { log: StorageThread.fileNames.log, head: StorageThread.fileNames.head } as const

const refuseLarge = (entries: ReadonlyArray<AuditEntry>): Effect.Effect<void, AuditStoreError> =>
  entries.some(({ body }) => body.length > bodyBytesMax)
    ? Effect.fail(new AuditStoreError({ detail: `a body has more than ${bodyBytesMax} bytes`, poisoned: false }))
    : Effect.void

/** Layer that keeps the log in memory, chained and signed like any other, for tests and `storage.directory: memory`. */
export const layerMemory: Layer.Layer<AuditStore, never, CryptoCore | KeyManager | PicClock> = Layer.effect(
  AuditStore,
  Effect.gen(function*() {
    const crypto = yield* CryptoCore
    const keys = yield* KeyManager
    const clock = yield* PicClock
    const sha256 = crypto.sha256Unsafe
    const log = crypto.randomBytesUnsafe(logIdLength)
    const records: Array<AuditRecord> = []
    const tree = new MerkleTree(sha256)
    let heads: ReadonlyArray<AuditHead> = []

    const mac = (data: Uint8Array) => new Uint8Array(crypto.macUnsafe(keys.getActiveKeyUnsafe("audit"), data))
    const cover = ({ hash, seq }: ChainTail) => {
      const time = clock.nowUnsafe()
      const statement = { seq, time, hash, root: tree.root() }
      const signature = keys.signCheckpointUnsafe(checkpointBytes(log, statement))
      const { id } = keys.getActiveKeyUnsafe("audit")
      const content = { log, seq, time, hash, checkpoint: { ...statement, signature }, keyId: id }
      heads = [{ ...content, mac: mac(headMacBytes(content)) }, ...heads.slice(0, 1)]
    }
    cover({ seq: 0, hash: genesisHash(sha256, log) })

    const append = (entries: ReadonlyArray<AuditEntry>) => {
      const { id } = keys.getActiveKeyUnsafe("audit")
      const written = entries.map((entry) => {
        const last = records.at(-1)
        const tail = last === undefined
          ? { seq: 0, hash: genesisHash(sha256, log) }
          : { seq: last.seq, hash: last.hash }
        const record = sealRecord({ ...entry, body: new Uint8Array(entry.body) }, tail, id, sha256, mac)
        records.push(record)
        tree.append(record.hash)
        return record
      })
      const end = written.at(-1)
      if (end !== undefined) cover(end)
      return written
    }

    return AuditStore.of({
      append: (entries) => Effect.andThen(refuseLarge(entries), Effect.sync(() => append(entries))),
      read: (fromSeq, limit) =>
        Effect.sync(() =>
          records.slice(Math.max(0, fromSeq - 1), Math.max(0, fromSeq - 1) + Math.min(limit, readRecordsMax))
        ),
      lastSeq: Effect.sync(() => records.length),
      head: Effect.sync(() => heads[0]),
      heads: Effect.sync(() => heads),
      anchor: Effect.undefined,
      retire: () => Effect.fail(new AuditStoreError({ detail: "a log in memory retires nothing", poisoned: false }))
    })
  })
)

const toError = ({ detail, kind }: StoreThread.ThreadFailure) =>
  new AuditStoreError({ detail, poisoned: kind === "failed" || kind === "lost" })

type Outcome = Effect.Effect<ReadonlyArray<AuditRecord>, AuditStoreError>

/** Entries of one caller, and where their records go. */
interface Waiting {
  readonly entries: ReadonlyArray<AuditEntry>
  readonly resume: (outcome: Outcome) => void
}

/** Group commit: what arrives while one group is being written becomes the next group, with one sync for all of it. */
class GroupCommit {
  readonly #write: (
    entries: ReadonlyArray<AuditEntry>,
    done: (outcome: Exit.Exit<ReadonlyArray<AuditRecord>, AuditStoreError>) => void
  ) => void
  #waiting: Array<Waiting> = []
  #busy = false
  #dirty = false

  constructor(
    write: (
      entries: ReadonlyArray<AuditEntry>,
      done: (outcome: Exit.Exit<ReadonlyArray<AuditRecord>, AuditStoreError>) => void
    ) => void
  ) {
    this.#write = write
  }

  add(entries: ReadonlyArray<AuditEntry>, resume: (outcome: Outcome) => void): void {
    this.#waiting.push({ entries, resume })
    if (!this.#busy) this.#next()
  }

  /** Whether anything was written since the last question. */
  takeDirty(): boolean {
    const dirty = this.#dirty
    this.#dirty = false
    return dirty
  }

  #next(): void {
    let count = 0
    const size = this.#waiting.findIndex(({ entries }, i) => (count += entries.length) > groupRecordsMax && i > 0)
    const group = size === -1 ? this.#waiting : this.#waiting.slice(0, size)
    this.#waiting = size === -1 ? [] : this.#waiting.slice(size)
    this.#busy = group.length > 0
    this.#dirty ||= this.#busy
    if (this.#busy) this.#write(group.flatMap(({ entries }) => entries), (outcome) => this.#settle(group, outcome))
  }

  #settle(group: ReadonlyArray<Waiting>, outcome: Exit.Exit<ReadonlyArray<AuditRecord>, AuditStoreError>): void {
    // The next group goes first: the thread works on it while this one's callers are answered.
    this.#next()
    const records = Exit.isSuccess(outcome) ? outcome.value : []
    let at = 0
    for (const { entries, resume } of group) {
      resume(
        Exit.isSuccess(outcome)
          ? Effect.succeed(records.slice(at, at += entries.length))
          : Effect.failCause(outcome.cause)
      )
    }
    this.#next()
  }
}

const isHeads = (value: unknown): value is ReadonlyArray<AuditHead> => Array.isArray(value)

const isAnchor = (value: unknown): value is AuditAnchor => typeof value === "object" && value !== null

const readThrough = (thread: StoreThread.StoreThread<AuditRequest>) => {
  const ask = (request: AuditRequest) => Effect.mapError(thread.request(request), toError)
  const heads = Effect.map(ask({ op: "heads" }), (value) => isHeads(value) ? value : [])
  return {
    read: (fromSeq: number, limit: number) =>
      Effect.map(
        ask({ op: "read", fromSeq, limit: Math.min(limit, readRecordsMax) }),
        (value) => value instanceof Uint8Array ? unpackRecords(value) : []
      ),
    lastSeq: Effect.map(ask({ op: "lastSeq" }), Number),
    head: Effect.map(heads, (all) => all[0]),
    heads,
    anchor: Effect.map(ask({ op: "anchor" }), (value) => isAnchor(value) ? value : undefined)
  }
}

const makeSqlite = Effect.fnUntraced(function*(thread: StoreThread.StoreThread<AuditRequest>) {
  const keys = yield* KeyManager
  const clock = yield* PicClock
  let told = ""
  // The thread signs; it is told the keys before its first append, and whenever they or the thread have changed.
  const tellKeys = () => {
    const { checkpointSeed, id, key } = keys.auditSecretUnsafe()
    const version = `${thread.startsUnsafe()} ${id}`
    if (version === told) return
    told = version
    const secret = { id, key: Redacted.value(key), checkpointSeed: Redacted.value(checkpointSeed) }
    thread.send({ op: "secret", secret }, () => undefined)
  }
  const commit = new GroupCommit((entries, done) => {
    tellKeys()
    thread.send(
      { op: "append", entries: packEntries(entries), now: clock.nowUnsafe() },
      (outcome) =>
        done(Exit.mapBoth(outcome, {
          onSuccess: (bytes) => bytes instanceof Uint8Array ? unpackSeals(bytes, entries) : [],
          onFailure: toError
        }))
    )
  })

  // Under load every append may renew the checkpoint; this catches the last records before a pause, and before the end.
  const checkpoint = Effect.suspend(() =>
    commit.takeDirty() ? Effect.ignore(thread.request({ op: "checkpoint", now: clock.nowUnsafe() })) : Effect.void
  )
  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(checkpoint, closeWaitMs)))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(checkpointMs), checkpoint)))
  // What waiting or an operator can heal must not keep the application from starting: appends will say it. A foreign or
  // newer file nothing will heal.
  tellKeys()
  yield* Effect.catch(
    thread.request({ op: "open" }),
    (failure) => failure.kind === "foreign" ? Effect.fail(toError(failure)) : Effect.void
  )
  return AuditStore.of({
    append: (entries) =>
      Effect.andThen(
        refuseLarge(entries),
        Effect.callback<ReadonlyArray<AuditRecord>, AuditStoreError>((resume) => commit.add(entries, resume))
      ),
    retire: (anchor) =>
      Effect.suspend(() => {
        tellKeys()
        return Effect.asVoid(Effect.mapError(thread.request({ op: "retire", anchor }), toError))
      }),
    ...readThrough(thread)
  })
})

/** Layer that keeps the log in `audit.db` in this directory, with its head at `headPath` (empty: beside it). */
export const layerSqliteAt = (
  directory: string,
  headPath: string
): Layer.Layer<AuditStore, AuditStoreError, KeyManager | PicClock> =>
  Layer.effect(
    AuditStore,
    Effect.flatMap(
      StorageThread.make(directory, headPath, false),
      (thread) => makeSqlite(StorageThread.forAudit(thread))
    )
  )

/** Layer that keeps the log where `storage.directory` and `audit.head_path` say. */
export const layerSqlite: Layer.Layer<AuditStore, AuditStoreError, KeyManager | PicClock | PicConfig> = Layer.effect(
  AuditStore,
  Effect.flatMap(StorageThread.StorageThread, (thread) => makeSqlite(StorageThread.forAudit(thread)))
).pipe(Layer.provide(StorageThread.layer))

/** Layer that reads a log, needs no key and changes nothing; works while others write. Appending fails. */
export const layerSqliteReadOnly = (directory: string, headPath: string): Layer.Layer<AuditStore, AuditStoreError> =>
  Layer.effect(
    AuditStore,
    Effect.gen(function*() {
      const thread = yield* StorageThread.make(directory, headPath, true)
      const store = readThrough(StorageThread.forAudit(thread))
      yield* store.lastSeq
      return AuditStore.of({
        append: () =>
          Effect.fail(new AuditStoreError({ detail: "the log was opened for reading only", poisoned: false })),
        retire: () =>
          Effect.fail(new AuditStoreError({ detail: "the log was opened for reading only", poisoned: false })),
        ...store
      })
    })
  )

/** Layer that `storage.directory` asks for: memory, or files. */
export const layerAuto: Layer.Layer<AuditStore, AuditStoreError, CryptoCore | KeyManager | PicClock | PicConfig> = Layer
  .unwrap(
    Effect.map(
      PicConfig,
      (config): Layer.Layer<AuditStore, AuditStoreError, CryptoCore | KeyManager | PicClock | PicConfig> =>
        config.settingsUnsafe().storage.directory === "memory" ? layerMemory : layerSqlite
    )
  )
