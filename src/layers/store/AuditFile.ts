import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { anchorTree, type AuditAnchor } from "../../domain/audit/AuditAnchor.ts"
import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { type ChainEntry, type ChainTail, sealRecord } from "../../domain/audit/Chain.ts"
import type { StoredRecord } from "../../domain/audit/Frames.ts"
import { anchorBytes } from "../../domain/audit/HeadSigning.ts"
import { MerkleTree } from "../../domain/audit/MerkleTree.ts"
import { genesisHash, logIdLength, sameBytes } from "../../domain/audit/RecordBytes.ts"
import { type AuditSecret, type AuditSigner, makeSigner, sha256 } from "./AuditSigner.ts"
import { AuditTable, format, schema, type Tail } from "./AuditTable.ts"
import { type Carry, extend, nothing } from "./Carry.ts"
import { carryTextMax } from "./HeadFile.ts"
import { type Covered, LogHead } from "./LogHead.ts"
import {
  beginImmediate,
  Locked,
  openSqlite,
  openSqliteReadOnly,
  Refused,
  type SqliteFileOptions
} from "./SqliteFile.ts"

/**
 * How much the head carries before it goes into the database: many records, because they share one commit, but so few
 * that the next one still fits and need not wait for that.
 */
const carryDue = { records: 32, text: Math.floor(carryTextMax * 3 / 4) } as const

/** Where a log lies. `sync` is fdatasync; a test may make it fail. */
export interface AuditFileOptions {
  readonly path: string
  readonly headPath: string
  readonly readOnly: boolean
  readonly lockWaitMs: number
  readonly sync?: ((fd: number) => void) | undefined
}

interface Opened {
  readonly db: DatabaseSync
  readonly table: AuditTable
}

/** Where the log ends: the end of the database, and what the head carries beyond that. */
interface End extends ChainTail {
  readonly tail: Tail
  readonly ahead: Carry
}

/**
 * The log in its database file, with its head file. Synchronous on purpose: it lives in a thread of its own.
 *
 * After an error of a commit or a sync the handle is closed for good (what the kernel kept of the pages is unknown, and a
 * second fsync would lie); the next call opens the file anew and checks its end first.
 */
export class AuditFile {
  readonly #options: AuditFileOptions
  readonly #sqlite: SqliteFileOptions
  readonly #head: LogHead
  #signer: AuditSigner | undefined
  #opened: Opened | undefined
  #poisoned = false

  constructor(options: AuditFileOptions) {
    this.#options = options
    this.#sqlite = { ...format, path: options.path, schema, lockWaitMs: options.lockWaitMs }
    this.#head = new LogHead(options.headPath, options.sync ?? Fs.fdatasyncSync)
  }

  /** Sets what to sign with from now on. */
  useSecret(secret: AuditSecret): void {
    if (this.#signer?.id !== secret.id) this.#signer = makeSigner(secret)
  }

  /** Opens the files if they are not open; `append` and `read` do so themselves. */
  open(): void {
    this.#open()
  }

  /**
   * Adds a group to the log; it is durable when this returns.
   *
   * A small group is durable as soon as the head that carries it is: `acknowledge` hears so at once. It goes into the
   * database together with others, by `settle` or when the head has no room for more. Whatever comes between: the records
   * in the head are part of the log for whoever reads or appends.
   */
  append(
    entries: ReadonlyArray<ChainEntry>,
    now: number,
    acknowledge: (records: ReadonlyArray<AuditRecord>) => void = () => undefined
  ): ReadonlyArray<AuditRecord> {
    const signer = this.#signer
    if (signer === undefined) throw new Refused("no audit key was given")
    const opened = this.#open()
    let durable = false
    let records: ReadonlyArray<AuditRecord> = []
    try {
      const end = this.#begin(opened, signer)
      records = this.#seal(end, entries, signer)
      const carry = extend(end.ahead, records, carryTextMax)
      if (carry !== undefined) {
        this.#head.write(covered(opened, end.tail, carry), { signer, now, renew: false, carry })
        durable = true
        acknowledge(records)
      }
      if (carry === undefined || carry.text.length > carryDue.text || carry.records.length >= carryDue.records) {
        this.#commit(opened, end.tail, [...end.ahead.records, ...records])
      } else {
        opened.db.exec("ROLLBACK")
      }
      if (!durable) this.#coverByHead(opened, signer, now, false)
    } catch (error) {
      this.#poison(error)
      if (!durable) throw error
    }
    return records
  }

  /** Whether the head, when it was last looked at, carried records that the database may not have. */
  get carrying(): boolean {
    return !this.#options.readOnly && this.#head.file.carrying
  }

  /**
   * Brings what the head carries into the database. `false` where it should be tried again: somebody else holds the lock,
   * or the disk failed. The records are safe meanwhile.
   */
  settle(): boolean {
    const signer = this.#signer
    if (!this.carrying || signer === undefined) return true
    try {
      const opened = this.#open()
      const { ahead, tail } = this.#begin(opened, signer, 0)
      this.#commit(opened, tail, ahead.records)
      this.#head.file.note(opened.table.knownSeq())
      return true
    } catch (error) {
      this.#poison(error)
      return error instanceof Refused
    }
  }

  /** Signs a checkpoint over the whole log, where the last one is behind. */
  checkpoint(now: number): void {
    const head = this.#head.newest()
    if (this.#signer === undefined || head === undefined || head.checkpoint.seq === head.seq) return
    try {
      this.#coverByHead(this.#open(), this.#signer, now, true)
    } catch (error) {
      this.#poison(error)
      throw error
    }
  }

  /** Where the log begins, if its oldest records were retired. */
  anchor(): AuditAnchor | undefined {
    return this.#open().table.anchor()
  }

  /** Deletes the records up to an anchor, in one transaction, where the checkpoint key signed it for this log. */
  retire(anchor: AuditAnchor): void {
    const opened = this.#open()
    const { db, table } = opened
    const { hash, log, seq, signature, time } = anchor
    const signer = this.#signer
    const tree = anchorTree(sha256, anchor)
    const covered = this.#head.newest()?.seq ?? 0
    if (
      signer === undefined || tree === undefined || seq > covered || !sameBytes(log, table.log) ||
      !signer.verify(anchorBytes(log, { seq, time, hash, root: tree.root() }), signature)
    ) throw new Refused(`the anchor at record ${seq} was not signed for this log`)
    try {
      // The last record of the database must stay: what the head carries goes there first.
      const { ahead, tail } = this.#begin(opened, signer)
      const end = table.insert(tail, ahead.records)
      table.retire(anchor)
      db.exec("COMMIT")
      table.remember(end)
    } catch (error) {
      this.#poison(error)
      throw error
    }
  }

  /** Records from `fromSeq` on, at most `limit`, exactly as stored; at the end those that the head carries. */
  read(fromSeq: number, limit: number): ReadonlyArray<StoredRecord> {
    const { table } = this.#open()
    // The head first: what it no longer carries is in the database already.
    const carried = this.#head.file.read().carry.records
    const records = table.read(fromSeq, limit)
    const next = (records.at(-1)?.seq ?? fromSeq - 1) + 1
    const from = carried.findIndex(({ seq }) => seq === next)
    return from < 0 ? records : [...records, ...carried.slice(from, from + limit - records.length)]
  }

  lastSeq(): number {
    const { table } = this.#open()
    const [first, ...more] = this.#head.file.read().carry.records
    const last = table.lastSeq()
    return first === undefined || first.seq > last + 1 ? last : Math.max(last, first.seq + more.length)
  }

  heads(): ReadonlyArray<AuditHead> {
    return this.#head.file.read().heads
  }

  /**
   * Notes that the database has what the head carries, if it does. For when there is nothing to do, and before closing:
   * every note makes the next sync write a page more.
   */
  rest(): void {
    const opened = this.#opened
    if (opened === undefined || this.#options.readOnly) return
    try {
      this.#head.file.note(opened.table.knownSeq())
    } catch (error) {
      this.#poison(error)
    }
  }

  close(): void {
    if (this.#opened !== undefined && !this.#poisoned) this.settle()
    this.#head.file.close()
    const db = this.#opened?.db
    this.#opened = undefined
    db?.close()
  }

  /** Closes for good what a failed commit or sync has left in doubt. A lock that others hold leaves nothing in doubt. */
  #poison(error: unknown): void {
    if (error instanceof Locked) return
    this.#poisoned = true
    this.close()
  }

  /** Takes the write lock and answers where the log ends. */
  #begin({ db, table }: Opened, signer: AuditSigner, waitMs = this.#options.lockWaitMs): End {
    this.#lock(db, waitMs)
    const tail = table.tail()
    const ahead = this.#head.ahead(tail, signer)
    const { hash, seq } = ahead.records.at(-1) ?? tail
    return { seq, hash, tail, ahead }
  }

  /** Ends the transaction with these records in the database, behind the end that `#begin` found. */
  #commit({ db, table }: Opened, tail: Tail, records: ReadonlyArray<AuditRecord>): void {
    const end = table.insert(tail, records)
    db.exec("COMMIT")
    table.remember(end)
    this.#head.file.checkPresent()
  }

  #lock(db: DatabaseSync, waitMs = this.#options.lockWaitMs): void {
    beginImmediate(db, this.#options.path, waitMs)
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened
    const { readOnly } = this.#options
    const db = readOnly ? openSqliteReadOnly(this.#sqlite) : openSqlite(this.#sqlite)
    try {
      if (!readOnly) this.#adopt(db)
      const table = new AuditTable(db)
      if (!readOnly) table.checkEnd()
      return this.#opened = { db, table }
    } catch (error) {
      this.#head.file.close()
      db.close()
      throw error
    }
  }

  /**
   * Gives a new log its identity and its head, under the write lock: two processes may start at once. The head, over no
   * records yet, is durable before the log exists, so that no record can ever be without one, whatever crashes.
   */
  #adopt(db: DatabaseSync): void {
    const { headPath, path } = this.#options
    this.#lock(db)
    const head = this.#head.newest()
    const known = db.prepare("SELECT id FROM log WHERE n = 1").get()?.["id"]
    if (known === undefined && head !== undefined && head.seq > 0) {
      throw new Refused(`${path} is new but the head ${headPath} covers records: the log was removed`)
    }
    if (head === undefined && db.prepare("SELECT 1 FROM record LIMIT 1").get() !== undefined) {
      throw new Refused(`the head ${headPath} is missing but the log holds records; restore it, or move the log away`)
    }
    const log = known instanceof Uint8Array ? known : head?.log ?? Crypto.randomBytes(logIdLength)
    this.#head.file.open()
    if (head === undefined) this.#writeFirstHead(log)
    if (known === undefined) db.prepare("INSERT INTO log (n, id) VALUES (1, ?)").run(log)
    db.exec("COMMIT")
    // After a failed sync the kernel may hold pages that it believes to be written. Copying them from the write-ahead
    // log into the database makes them dirty again, so that this sync is a first one and not a retry.
    if (this.#poisoned) db.exec("PRAGMA wal_checkpoint(FULL)")
    this.#poisoned = false
  }

  #writeFirstHead(log: Uint8Array): void {
    const signer = this.#signer
    if (signer === undefined) throw new Refused("no audit key was given to begin the log with")
    const root = () => new MerkleTree(sha256).root()
    this.#head.write({ log, seq: 0, hash: genesisHash(sha256, log), root }, {
      signer,
      now: 0,
      renew: true,
      carry: nothing
    })
  }

  #seal(tail: ChainTail, entries: ReadonlyArray<ChainEntry>, signer: AuditSigner): ReadonlyArray<AuditRecord> {
    let { hash, seq } = tail
    return entries.map((entry) => {
      const record = sealRecord(entry, { seq, hash }, signer.id, sha256, signer.mac)
      seq = record.seq
      hash = record.hash
      return record
    })
  }

  /** Under the write lock, so that heads of several processes never overtake each other. Covers the end as it is now. */
  #coverByHead(opened: Opened, signer: AuditSigner, now: number, renew: boolean): void {
    const { ahead, tail } = this.#begin(opened, signer)
    this.#head.write(covered(opened, tail, ahead), { signer, now, renew, carry: ahead })
    opened.db.exec("ROLLBACK")
  }
}

/** The end of the log when the head carries these records beyond the end of the database. */
const covered = ({ table }: Opened, tail: Tail, { records }: Carry): Covered => {
  const { hash, seq } = records.at(-1) ?? tail
  return { log: table.log, seq, hash, root: () => tail.tree.with(records.map((record) => record.hash)).root() }
}
