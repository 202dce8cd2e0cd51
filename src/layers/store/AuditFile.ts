import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { type ChainEntry, sealRecord } from "../../domain/audit/Chain.ts"
import type { StoredRecord } from "../../domain/audit/Frames.ts"
import { checkpointBytes, headMacBytes } from "../../domain/audit/HeadBytes.ts"
import { MerkleTree } from "../../domain/audit/MerkleTree.ts"
import { encodeRecord, genesisHash, logIdLength, sameBytes } from "../../domain/audit/RecordBytes.ts"
import { HeadFile } from "./HeadFile.ts"
import { beginImmediate, openSqlite, openSqliteReadOnly, Refused, type SqliteFileOptions } from "./SqliteFile.ts"

/** What records and heads are signed with now. */
export interface AuditSecret {
  readonly id: string
  readonly key: Uint8Array
  readonly checkpointSeed: Uint8Array
}

/** Where a log lies. `sync` is fdatasync; a test may make it fail. */
export interface AuditFileOptions {
  readonly path: string
  readonly headPath: string
  readonly readOnly: boolean
  readonly lockWaitMs: number
  readonly sync?: ((fd: number) => void) | undefined
}

/** Records at the end of the log that are checked whenever it is opened: what a crash could have damaged. */
const tailChecked = 64

/** Most bytes of bodies in one answer, so that a read never needs more memory than this. */
const readBytesMax = 4 * 1024 * 1024

const sqlite = { applicationId: 0x50494341, schemaVersion: 1, synchronous: "FULL", exclusive: false } as const

const schema = `
  CREATE TABLE log (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE record (
    log INTEGER NOT NULL REFERENCES log (n), seq INTEGER NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
    body BLOB NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL, key_id TEXT NOT NULL, mac BLOB NOT NULL,
    UNIQUE (log, seq), UNIQUE (log, prev)
  ) STRICT;
  CREATE TABLE tail (log INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL, tree BLOB NOT NULL) STRICT;
`

const sha256 = (data: Uint8Array): Uint8Array => Crypto.hash("sha256", data, "buffer")
const pkcs8Ed25519 = Buffer.from("302e020100300506032b657004220420", "hex")
const bytesOf = (value: unknown): Uint8Array => value instanceof Uint8Array ? value : new Uint8Array(0)

interface Signer {
  readonly id: string
  readonly mac: (data: Uint8Array) => Uint8Array
  readonly sign: (data: Uint8Array) => Uint8Array
  readonly verify: (data: Uint8Array, signature: Uint8Array) => boolean
}

const makeSigner = ({ checkpointSeed, id, key }: AuditSecret): Signer => {
  const macKey = Crypto.createSecretKey(key)
  const privateKey = Crypto.createPrivateKey({
    key: Buffer.concat([pkcs8Ed25519, checkpointSeed]),
    format: "der",
    type: "pkcs8"
  })
  const publicKey = Crypto.createPublicKey(privateKey)
  return {
    id,
    mac: (data) => Crypto.createHmac("sha256", macKey).update(data).digest(),
    sign: (data) => Crypto.sign(null, data, privateKey),
    verify: (data, signature) => Crypto.verify(null, data, publicKey, signature)
  }
}

interface Opened {
  readonly db: DatabaseSync
  readonly log: Uint8Array
  readonly last: StatementSync
  readonly tail: StatementSync
  readonly moveTail: StatementSync
  readonly insert: StatementSync
  readonly range: StatementSync
}

interface Tail {
  readonly seq: number
  readonly hash: Uint8Array
  readonly tree: MerkleTree
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
  #signer: Signer | undefined
  #opened: Opened | undefined
  /** Signature of the last head found or made good: the same one need not be verified again. */
  #trusted: Uint8Array = new Uint8Array(0)
  #poisoned = false

  constructor(options: AuditFileOptions) {
    this.#options = options
    this.#sqlite = { ...sqlite, path: options.path, schema, lockWaitMs: options.lockWaitMs }
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
    const { db } = opened
    this.#lock(db)
    try {
      const tail = this.#readTail(opened)
      this.#checkAgainstHead(tail, signer)
      const records = this.#insert(opened, tail, entries, signer)
      db.exec("COMMIT")
      this.#coverByHead(opened, signer, now)
      return records
    } catch (error) {
      this.close()
      this.#poisoned = true
      throw error
    }
  }

  /** Records from `fromSeq` on, at most `limit`, exactly as stored. */
  read(fromSeq: number, limit: number): ReadonlyArray<StoredRecord> {
    const records: Array<StoredRecord> = []
    let bytes = 0
    for (const row of this.#open().range.iterate(fromSeq, limit)) {
      const body = bytesOf(row["body"])
      records.push({
        seq: Number(row["seq"]),
        time: Number(row["time"]),
        kind: String(row["kind"]),
        keyId: String(row["key_id"]),
        prevHash: bytesOf(row["prev"]),
        hash: bytesOf(row["hash"]),
        mac: bytesOf(row["mac"]),
        body
      })
      bytes += body.length
      if (bytes > readBytesMax) break
    }
    return records
  }

  lastSeq(): number {
    return Number(this.#open().last.get()?.["seq"] ?? 0)
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
      const log = bytesOf(db.prepare("SELECT id FROM log WHERE n = 1").get()?.["id"])
      const opened: Opened = {
        db,
        log,
        last: db.prepare("SELECT seq, hash FROM record WHERE log = 1 ORDER BY seq DESC LIMIT 1"),
        tail: db.prepare("SELECT seq, hash, tree FROM tail WHERE log = 1"),
        moveTail: db.prepare("INSERT OR REPLACE INTO tail (log, seq, hash, tree) VALUES (1, ?, ?, ?)"),
        insert: db.prepare(
          "INSERT INTO record (log, seq, time, kind, body, prev, hash, key_id, mac) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"
        ),
        range: db.prepare("SELECT * FROM record WHERE log = 1 AND seq >= ? ORDER BY seq LIMIT ?")
      }
      if (!readOnly) this.#checkEnd(opened)
      this.#opened = opened
      return opened
    } catch (error) {
      this.#head.close()
      db.close()
      throw error
    }
  }

  /** Gives a new log its identity and opens the head, under the write lock: two processes may start at once. */
  #adopt(db: DatabaseSync): void {
    this.#lock(db)
    if (db.prepare("SELECT 1 FROM log").get() === undefined) {
      if (this.#head.read().length > 0) {
        throw new Refused(`the log is shorter than its head ${this.#options.headPath}: ${this.#options.path} is new`)
      }
      db.prepare("INSERT INTO log (n, id) VALUES (1, ?)").run(Crypto.randomBytes(logIdLength))
    }
    const empty = db.prepare("SELECT 1 FROM record LIMIT 1").get() === undefined
    if (!empty && this.#head.read().length === 0) {
      throw new Refused(
        `the head ${this.#options.headPath} is missing but the log holds records; restore it, or move the log away`
      )
    }
    this.#head.open()
    db.exec("COMMIT")
    // After a failed sync the kernel may hold pages that it believes to be written. Copying them from the write-ahead
    // log into the database makes them dirty again, so that this sync is a first one and not a retry.
    if (this.#poisoned) db.exec("PRAGMA wal_checkpoint(FULL)")
    this.#poisoned = false
  }

  #checkEnd(opened: Opened): void {
    const { hash, seq } = this.#readTail(opened)
    const rows = opened.range.all(Math.max(1, seq - tailChecked + 1), tailChecked)
    let prev: Uint8Array | undefined
    for (const row of rows) {
      const stored = bytesOf(row["hash"])
      const content = encodeRecord({
        seq: Number(row["seq"]),
        time: Number(row["time"]),
        kind: String(row["kind"]),
        keyId: String(row["key_id"]),
        prevHash: bytesOf(row["prev"]),
        body: bytesOf(row["body"])
      })
      if (!sameBytes(sha256(content), stored) || (prev !== undefined && !sameBytes(bytesOf(row["prev"]), prev))) {
        throw new Refused(`record ${String(row["seq"])} of ${this.#options.path} is damaged`)
      }
      prev = stored
    }
    if (prev !== undefined && !sameBytes(prev, hash)) {
      throw new Refused(`the end of ${this.#options.path} is damaged`)
    }
  }

  #readTail({ last, log, tail }: Opened): Tail {
    const end = last.get()
    const kept = tail.get()
    if (end === undefined && kept === undefined) {
      return { seq: 0, hash: genesisHash(sha256, log), tree: new MerkleTree(sha256) }
    }
    const seq = Number(end?.["seq"])
    const hash = bytesOf(end?.["hash"])
    const tree = MerkleTree.fromBytes(sha256, Number(kept?.["seq"]), bytesOf(kept?.["tree"]))
    if (tree === undefined || tree.size !== seq || !sameBytes(hash, bytesOf(kept?.["hash"]))) {
      throw new Refused(`the end of ${this.#options.path} was cut or changed`)
    }
    return { seq, hash, tree }
  }

  /** A log shorter than its head, or another one than its head's, was tampered with: adding to it would bury that. */
  #checkAgainstHead(tail: Tail, signer: Signer): void {
    const head = this.#head.read()[0]
    if (head === undefined) {
      if (tail.seq > 0) throw new Refused(`the head ${this.#options.headPath} is missing`)
      return
    }
    if (!sameBytes(head.signature, this.#trusted) && !signer.verify(checkpointBytes(head), head.signature)) {
      throw new Refused(`the head ${this.#options.headPath} was not signed by the checkpoint key`)
    }
    this.#trusted = head.signature
    if (head.seq > tail.seq) {
      throw new Refused(`the log ends at record ${tail.seq} but its head covers ${head.seq}`)
    }
    if (head.seq === tail.seq && !(sameBytes(head.hash, tail.hash) && sameBytes(head.root, tail.tree.root()))) {
      throw new Refused(`the log is not the one that its head at record ${head.seq} was made for`)
    }
  }

  #insert(
    { insert, moveTail }: Opened,
    tail: Tail,
    entries: ReadonlyArray<ChainEntry>,
    signer: Signer
  ): ReadonlyArray<AuditRecord> {
    let { hash, seq } = tail
    const records = entries.map((entry) => {
      const record = sealRecord(entry, { seq, hash }, signer.id, sha256, signer.mac)
      const { body, keyId, kind, mac, prevHash, time } = record
      insert.run(record.seq, time, kind, body, prevHash, record.hash, keyId, mac)
      tail.tree.append(record.hash)
      seq = record.seq
      hash = record.hash
      return record
    })
    moveTail.run(seq, hash, tail.tree.toBytes())
    return records
  }

  /** Under the write lock, so that heads of several processes never overtake each other. Covers the end as it is now. */
  #coverByHead(opened: Opened, signer: Signer, now: number): void {
    this.#lock(opened.db)
    const { hash, seq, tree } = this.#readTail(opened)
    const content = { log: opened.log, seq, time: now, hash, root: tree.root(), keyId: signer.id }
    const signature = signer.sign(checkpointBytes(content))
    this.#head.write({ ...content, mac: signer.mac(headMacBytes(content)), signature }, this.#sync)
    this.#trusted = signature
    opened.db.exec("ROLLBACK")
  }
}
