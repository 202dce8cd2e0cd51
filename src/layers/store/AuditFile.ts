import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { anchorTree, type AuditAnchor } from "../../domain/audit/AuditAnchor.ts"
import type { AuditCheckpoint, AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { carryToBytes } from "../../domain/audit/Carry.ts"
import { type ChainEntry, sealRecord } from "../../domain/audit/Chain.ts"
import type { StoredRecord } from "../../domain/audit/Frames.ts"
import {
  anchorBytes,
  checkpointBytes,
  checkpointMs,
  checkpointRecords,
  headMacBytes
} from "../../domain/audit/HeadSigning.ts"
import { MerkleTree } from "../../domain/audit/MerkleTree.ts"
import { genesisHash, logIdLength, recordMacBytes, sameBytes } from "../../domain/audit/RecordBytes.ts"
import { type AuditSecret, type AuditSigner, makeSigner, sha256 } from "./AuditSigner.ts"
import { AuditTable, format, schema, type Tail } from "./AuditTable.ts"
import { type Carry, carryBytesMax, HeadFile } from "./HeadFile.ts"
import {
  beginImmediate,
  Locked,
  openSqlite,
  openSqliteReadOnly,
  Refused,
  type SqliteFileOptions
} from "./SqliteFile.ts"

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

/**
 * The log in its database file, with its head file. Synchronous on purpose: it lives in a thread of its own.
 *
 * After an error of a commit or a sync the handle is closed for good (what the kernel kept of the pages is unknown, and a
 * second fsync would lie); the next call opens the file anew and checks its end first.
 */
export class AuditFile {
  readonly #options: AuditFileOptions
  readonly #sqlite: SqliteFileOptions
  readonly #head: HeadFile
  readonly #sync: (fd: number) => void
  #signer: AuditSigner | undefined
  #opened: Opened | undefined
  /** Signature of the last head found or made good: the same one need not be verified again. */
  #trusted: Uint8Array = new Uint8Array(0)
  #poisoned = false

  constructor(options: AuditFileOptions) {
    this.#options = options
    this.#sqlite = { ...format, path: options.path, schema, lockWaitMs: options.lockWaitMs }
    this.#head = new HeadFile(options.headPath)
    this.#sync = options.sync ?? Fs.fdatasyncSync
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
   * Writes a group in one transaction and moves the head over it; everything is durable when it returns.
   *
   * A small group is durable as soon as the head that carries it is: `acknowledge` hears so before the log has been synced
   * as well. Where that fails, or the process dies first, the next append brings the group from the head into the log.
   */
  append(
    entries: ReadonlyArray<ChainEntry>,
    now: number,
    acknowledge: (records: ReadonlyArray<AuditRecord>) => void = () => undefined
  ): ReadonlyArray<AuditRecord> {
    const signer = this.#signer
    if (signer === undefined) throw new Refused("no audit key was given")
    const opened = this.#open()
    const { db, table } = opened
    let durable = false
    let records: ReadonlyArray<AuditRecord> = []
    try {
      const tail = this.#begin(opened, signer)
      records = this.#seal(tail, entries, signer)
      const end = table.insert(tail, records)
      const bytes = carryToBytes(records, carryBytesMax)
      if (bytes !== undefined) {
        this.#writeHead(table.log, end, signer, now, false, { records, bytes })
        durable = true
        acknowledge(records)
      }
      db.exec("COMMIT")
      if (records.length > 0) table.remember(end)
      if (!durable) this.#coverByHead(opened, signer, now, false)
    } catch (error) {
      this.#poison(error)
      if (!durable) throw error
    }
    return records
  }

  /** Signs a checkpoint over the whole log, where the last one is behind. */
  checkpoint(now: number): void {
    const head = this.#head.read()[0]
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
    const { db, table } = this.#open()
    const { hash, log, seq, signature, time } = anchor
    const tree = anchorTree(sha256, anchor)
    const covered = this.#head.read()[0]?.seq ?? 0
    if (
      tree === undefined || seq > covered || !sameBytes(log, table.log) ||
      this.#signer?.verify(anchorBytes(log, { seq, time, hash, root: tree.root() }), signature) !== true
    ) throw new Refused(`the anchor at record ${seq} was not signed for this log`)
    this.#lock(db)
    try {
      table.retire(anchor)
      db.exec("COMMIT")
    } catch (error) {
      this.#poison(error)
      throw error
    }
  }

  /** Records from `fromSeq` on, at most `limit`, exactly as stored; at the end those that the head carries. */
  read(fromSeq: number, limit: number): ReadonlyArray<StoredRecord> {
    const { table } = this.#open()
    // The head first: what it no longer carries is in the log already.
    const carried = this.#head.carried()
    const records = table.read(fromSeq, limit)
    const next = (records.at(-1)?.seq ?? fromSeq - 1) + 1
    const from = carried.findIndex(({ seq }) => seq === next)
    return from < 0 ? records : [...records, ...carried.slice(from, from + limit - records.length)]
  }

  lastSeq(): number {
    const { table } = this.#open()
    const [first, ...more] = this.#head.carried()
    const last = table.lastSeq()
    return first === undefined || first.seq > last + 1 ? last : Math.max(last, first.seq + more.length)
  }

  heads(): ReadonlyArray<AuditHead> {
    return this.#head.read()
  }

  /**
   * Notes that the log has what the head carries, if it does. For when there is nothing to do, and before closing: every
   * note makes the next sync write a page more.
   */
  rest(): void {
    const opened = this.#opened
    if (opened === undefined || this.#options.readOnly) return
    try {
      this.#head.note(opened.table.knownSeq())
    } catch (error) {
      this.#poison(error)
    }
  }

  close(): void {
    if (!this.#poisoned) this.rest()
    this.#head.close()
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

  /** Takes the write lock and answers the end of the log, once everything that the head covers is in it. */
  #begin(opened: Opened, signer: AuditSigner): Tail {
    const { db, table } = opened
    this.#lock(db)
    const tail = table.tail()
    const missing = this.#head.carried().filter(({ seq }) => seq > tail.seq)
    if (missing.length === 0 || !this.#follow(missing, tail, signer)) {
      this.#checkAgainstHead(tail, signer)
      return tail
    }
    // In a transaction of its own: only what is in the log may be covered by a head that does not carry it.
    const end = table.insert(tail, missing)
    db.exec("COMMIT")
    table.remember(end)
    return this.#begin(opened, signer)
  }

  /** Whether carried records are what comes after the end of this log, as far as the key of now can tell. */
  #follow(records: ReadonlyArray<AuditRecord>, tail: Tail, { id, mac }: AuditSigner): boolean {
    const [first] = records
    return first?.seq === tail.seq + 1 && sameBytes(first.prevHash, tail.hash) &&
      records.every((record) => record.keyId !== id || sameBytes(mac(recordMacBytes(record.hash)), record.mac))
  }

  #lock(db: DatabaseSync): void {
    beginImmediate(db, this.#options.path, this.#options.lockWaitMs)
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
      this.#head.close()
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
    const head = this.#head.read()[0]
    const known = db.prepare("SELECT id FROM log WHERE n = 1").get()?.["id"]
    if (known === undefined && head !== undefined && head.seq > 0) {
      throw new Refused(`${path} is new but the head ${headPath} covers records: the log was removed`)
    }
    if (head === undefined && db.prepare("SELECT 1 FROM record LIMIT 1").get() !== undefined) {
      throw new Refused(`the head ${headPath} is missing but the log holds records; restore it, or move the log away`)
    }
    const log = known instanceof Uint8Array ? known : head?.log ?? Crypto.randomBytes(logIdLength)
    this.#head.open()
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
    const tail = { seq: 0, hash: genesisHash(sha256, log), tree: new MerkleTree(sha256) }
    this.#writeHead(log, tail, signer, 0, true)
  }

  /** A log shorter than its head, or another one than its head's, was tampered with: adding to it would bury that. */
  #checkAgainstHead(tail: Tail, signer: AuditSigner): void {
    const { headPath } = this.#options
    const head = this.#head.read()[0]
    if (head === undefined) throw new Refused(`the head ${headPath} is missing`)
    const { checkpoint, log } = head
    if (
      !sameBytes(checkpoint.signature, this.#trusted) &&
      !signer.verify(checkpointBytes(log, checkpoint), checkpoint.signature)
    ) throw new Refused(`the checkpoint in ${headPath} was not signed by the checkpoint key`)
    this.#trusted = checkpoint.signature
    if (head.seq > tail.seq) {
      throw new Refused(`the log ends at record ${tail.seq} but its head covers ${head.seq}`)
    }
    if (head.seq === tail.seq && !sameBytes(head.hash, tail.hash)) {
      throw new Refused(`the log is not the one that its head at record ${head.seq} was made for`)
    }
  }

  #seal(tail: Tail, entries: ReadonlyArray<ChainEntry>, signer: AuditSigner): ReadonlyArray<AuditRecord> {
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
    this.#writeHead(opened.table.log, this.#begin(opened, signer), signer, now, renew)
    opened.db.exec("ROLLBACK")
  }

  #writeHead(log: Uint8Array, tail: Tail, signer: AuditSigner, now: number, renew: boolean, carry?: Carry): void {
    const checkpoint = this.#checkpointFor(log, tail, signer, now, renew)
    const content = { log, seq: tail.seq, time: now, hash: tail.hash, checkpoint, keyId: signer.id }
    this.#head.write({ ...content, mac: signer.mac(headMacBytes(content)) }, this.#sync, carry)
  }

  /** The last checkpoint while it is recent enough, else a new one: a signature costs more than the rest of a record. */
  #checkpointFor(log: Uint8Array, tail: Tail, signer: AuditSigner, now: number, renew: boolean): AuditCheckpoint {
    const last = this.#head.read()[0]?.checkpoint
    if (
      !renew && last !== undefined && tail.seq - last.seq < checkpointRecords &&
      Math.abs(now - last.time) < checkpointMs
    ) return last
    this.#head.checkPresent()
    const statement = { seq: tail.seq, time: now, hash: tail.hash, root: tail.tree.root() }
    const signature = signer.sign(checkpointBytes(log, statement))
    this.#trusted = signature
    return { ...statement, signature }
  }
}
