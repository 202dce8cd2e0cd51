import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { anchorTree, type AuditAnchor } from "../../domain/audit/AuditAnchor.ts"
import type { AuditCheckpoint, AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
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
import { genesisHash, logIdLength, sameBytes } from "../../domain/audit/RecordBytes.ts"
import { type AuditSecret, type AuditSigner, makeSigner, sha256 } from "./AuditSigner.ts"
import { AuditTable, format, schema, type Tail } from "./AuditTable.ts"
import { HeadFile } from "./HeadFile.ts"
import { beginImmediate, openSqlite, openSqliteReadOnly, Refused, type SqliteFileOptions } from "./SqliteFile.ts"

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

  /** Writes a group in one transaction and moves the head over it; everything is durable when it returns. */
  append(entries: ReadonlyArray<ChainEntry>, now: number): ReadonlyArray<AuditRecord> {
    const signer = this.#signer
    if (signer === undefined) throw new Refused("no audit key was given")
    const opened = this.#open()
    const { db, table } = opened
    this.#lock(db)
    try {
      const tail = table.tail()
      this.#checkAgainstHead(tail, signer)
      const records = this.#seal(tail, entries, signer)
      const end = table.insert(tail, records)
      db.exec("COMMIT")
      if (records.length > 0) table.remember(end)
      this.#coverByHead(opened, signer, now, false)
      return records
    } catch (error) {
      this.close()
      this.#poisoned = true
      throw error
    }
  }

  /** Signs a checkpoint over the whole log, where the last one is behind. */
  checkpoint(now: number): void {
    const head = this.#head.read()[0]
    if (this.#signer === undefined || head === undefined || head.checkpoint.seq === head.seq) return
    try {
      this.#coverByHead(this.#open(), this.#signer, now, true)
    } catch (error) {
      this.close()
      this.#poisoned = true
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
      this.close()
      this.#poisoned = true
      throw error
    }
  }

  /** Records from `fromSeq` on, at most `limit`, exactly as stored. */
  read(fromSeq: number, limit: number): ReadonlyArray<StoredRecord> {
    return this.#open().table.read(fromSeq, limit)
  }

  lastSeq(): number {
    return this.#open().table.lastSeq()
  }

  heads(): ReadonlyArray<AuditHead> {
    return this.#head.read()
  }

  close(): void {
    this.#head.close()
    const db = this.#opened?.db
    this.#opened = undefined
    db?.close()
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
  #coverByHead({ db, table }: Opened, signer: AuditSigner, now: number, renew: boolean): void {
    this.#lock(db)
    this.#writeHead(table.log, table.tail(), signer, now, renew)
    db.exec("ROLLBACK")
  }

  #writeHead(log: Uint8Array, tail: Tail, signer: AuditSigner, now: number, renew: boolean): void {
    const checkpoint = this.#checkpointFor(log, tail, signer, now, renew)
    const content = { log, seq: tail.seq, time: now, hash: tail.hash, checkpoint, keyId: signer.id }
    this.#head.write({ ...content, mac: signer.mac(headMacBytes(content)) }, this.#sync)
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
