import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"
import type { AuditAnchor } from "../../domain/audit/AuditAnchor.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import type { StoredRecord } from "../../domain/audit/Frames.ts"
import { MerkleTree } from "../../domain/audit/MerkleTree.ts"
import { encodeRecord, genesisHash, hashLength, logIdLength, sameBytes } from "../../domain/audit/RecordBytes.ts"
import { sha256 } from "./AuditSigner.ts"
import { Refused } from "./SqliteFile.ts"

/** How often the Merkle tree is stored: opening reads at most this many hashes to have it again. */
const treeInterval = 1_024

/** Records at the end of the log that are checked whenever it is opened: what a crash could have damaged. */
const endChecked = 64

/** Most bytes of bodies in one answer, so that a read never needs more memory than this. */
const readBytesMax = 4 * 1024 * 1024

/** How the file is marked and opened. */
export const format = { applicationId: 0x50494341, schemaVersion: 1, synchronous: "FULL", exclusive: false } as const

/**
 * Tables of the log. `prev` names the predecessor by its number (`u64`) and hash: unique, so that no two records can follow
 * the same one, and in order, so that its index grows at one end (over bare hashes it costs three quarters of the speed).
 */
export const schema = `
  CREATE TABLE log (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE record (
    log INTEGER NOT NULL REFERENCES log (n), seq INTEGER NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
    body BLOB NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL, key_id TEXT NOT NULL, mac BLOB NOT NULL,
    PRIMARY KEY (log, seq), UNIQUE (log, prev)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tree (
    log INTEGER NOT NULL, seq INTEGER NOT NULL, peaks BLOB NOT NULL, PRIMARY KEY (log, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE anchor (
    log INTEGER PRIMARY KEY, seq INTEGER NOT NULL, time REAL NOT NULL, hash BLOB NOT NULL, peaks BLOB NOT NULL,
    signature BLOB NOT NULL
  ) STRICT;
`

/** The end of the log as it is in the database now, and the Merkle tree up to there. */
export interface Tail {
  readonly seq: number
  readonly hash: Uint8Array
  readonly tree: MerkleTree
}

type Row = Record<string, SQLOutputValue>

const numberLength = 8
const bytesOf = (value: unknown): Uint8Array => value instanceof Uint8Array ? value : new Uint8Array(0)

const prevOf = ({ prevHash, seq }: AuditRecord): Uint8Array => {
  const bytes = Buffer.alloc(numberLength + hashLength)
  bytes.writeBigUInt64BE(BigInt(seq - 1))
  bytes.set(prevHash, numberLength)
  return bytes
}

const toRecord = (row: Row): StoredRecord => ({
  seq: Number(row["seq"]),
  time: Number(row["time"]),
  kind: String(row["kind"]),
  keyId: String(row["key_id"]),
  prevHash: bytesOf(row["prev"]).subarray(numberLength),
  hash: bytesOf(row["hash"]),
  mac: bytesOf(row["mac"]),
  body: bytesOf(row["body"])
})

const isSound = (record: StoredRecord): boolean =>
  record.prevHash.length === hashLength && sameBytes(sha256(encodeRecord(record)), record.hash)

/** The records of the log in an open database. Writing expects the caller to hold the write lock. */
export class AuditTable {
  /** The identity of the log. */
  readonly log: Uint8Array
  readonly #last: StatementSync
  readonly #hashes: StatementSync
  readonly #trees: StatementSync
  readonly #insert: StatementSync
  readonly #insertTree: StatementSync
  readonly #range: StatementSync
  readonly #anchor: StatementSync
  readonly #retire: ReadonlyArray<StatementSync>
  #known: Tail | undefined

  constructor(db: DatabaseSync) {
    this.log = bytesOf(db.prepare("SELECT id FROM log WHERE n = 1").get()?.["id"])
    if (this.log.length !== logIdLength) throw new Refused("the identity of the log is damaged")
    this.#last = db.prepare("SELECT seq, hash FROM record WHERE log = 1 ORDER BY seq DESC LIMIT 1")
    // Bounded at both ends: outside a transaction other processes append while this one reads.
    this.#hashes = db.prepare("SELECT hash FROM record WHERE log = 1 AND seq > ? AND seq <= ? ORDER BY seq")
    this.#trees = db.prepare("SELECT seq, peaks FROM tree WHERE log = 1 ORDER BY seq DESC LIMIT 1")
    this.#range = db.prepare("SELECT * FROM record WHERE log = 1 AND seq >= ? ORDER BY seq LIMIT ?")
    this.#insert = db.prepare(
      "INSERT INTO record (log, seq, time, kind, body, prev, hash, key_id, mac) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    this.#anchor = db.prepare("SELECT seq, time, hash, peaks, signature FROM anchor WHERE log = 1")
    this.#retire = [
      "INSERT OR REPLACE INTO anchor (log, seq, time, hash, peaks, signature) VALUES (1, $seq, $time, $hash, $peaks, $signature)",
      "INSERT OR REPLACE INTO tree (log, seq, peaks) VALUES (1, $seq, $peaks)",
      "DELETE FROM tree WHERE log = 1 AND seq < $seq",
      "DELETE FROM record WHERE log = 1 AND seq <= $seq"
    ].map((sql) => db.prepare(sql))
    this.#insertTree = db.prepare("INSERT OR REPLACE INTO tree (log, seq, peaks) VALUES (1, ?, ?)")
  }

  lastSeq(): number {
    return Number(this.#last.get()?.["seq"] ?? 0)
  }

  /** The end of the log; what other processes wrote since the last look is added to the tree. */
  tail(): Tail {
    const row = this.#last.get()
    const seq = Number(row?.["seq"] ?? 0)
    const hash = row === undefined ? genesisHash(sha256, this.log) : bytesOf(row["hash"])
    const known = this.#known
    if (known !== undefined && known.seq === seq && sameBytes(known.hash, hash)) return known
    const tree = known !== undefined && known.seq < seq ? known.tree : this.#storedTree(seq)
    for (const next of this.#hashes.iterate(tree.size, seq)) tree.append(bytesOf(next["hash"]))
    if (tree.size !== seq) throw new Refused(`the log holds ${tree.size} records but the last one is number ${seq}`)
    return this.#known = { seq, hash, tree }
  }

  /** Adds sealed records that follow `tail` and returns the new end. */
  insert({ hash: last, tree }: Tail, records: ReadonlyArray<AuditRecord>): Tail {
    // Until the commit is known to have worked nothing may be remembered: the tree is grown in place.
    this.#known = undefined
    for (const record of records) {
      const { body, hash, keyId, kind, mac, seq, time } = record
      this.#insert.run(seq, time, kind, body, prevOf(record), hash, keyId, mac)
      tree.append(hash)
      if (tree.size % treeInterval === 0) this.#insertTree.run(tree.size, tree.toBytes())
    }
    return { seq: tree.size, hash: records.at(-1)?.hash ?? last, tree }
  }

  /** The last record that is known to be committed. */
  knownSeq(): number {
    return this.#known?.seq ?? 0
  }

  /** Remembers an end that was committed. */
  remember(tail: Tail): void {
    this.#known = tail
  }

  /** Where the log begins, if its oldest records were retired. */
  anchor(): AuditAnchor | undefined {
    const row = this.#anchor.get()
    if (row === undefined) return undefined
    const [hash, peaks, signature] = ["hash", "peaks", "signature"].map((name) => bytesOf(row[name]))
    return {
      log: this.log,
      seq: Number(row["seq"]),
      time: Number(row["time"]),
      hash: hash!,
      peaks: peaks!,
      signature: signature!
    }
  }

  /** Deletes the records up to an anchor. At least one record must remain behind it. */
  retire({ hash, peaks, seq, signature, time }: AuditAnchor): void {
    // Another process may have been faster.
    if ((this.anchor()?.seq ?? 0) >= seq) return
    const last = this.read(seq, 1)[0]
    if (last === undefined || last.seq !== seq || !sameBytes(last.hash, hash) || seq >= this.lastSeq()) {
      throw new Refused(
        `the log cannot be retired up to record ${seq}: that is not a record of its own before the last`
      )
    }
    const [anchor, tree, ...deletes] = this.#retire
    anchor?.run({ seq, time, hash, peaks, signature })
    tree?.run({ seq, peaks })
    for (const statement of deletes) statement.run({ seq })
  }

  /** Records from `fromSeq` on, at most `limit`, exactly as stored. */
  read(fromSeq: number, limit: number): ReadonlyArray<StoredRecord> {
    const records: Array<StoredRecord> = []
    let bytes = 0
    for (const row of this.#range.iterate(fromSeq, limit)) {
      const record = toRecord(row)
      records.push(record)
      bytes += record.body.length
      if (bytes > readBytesMax) break
    }
    return records
  }

  /** Refuses a log whose last records are damaged. The whole log is checked by verification, not at every start. */
  checkEnd(): void {
    const { seq } = this.tail()
    let prev: Uint8Array | undefined
    for (const record of this.read(Math.max(1, seq - endChecked + 1), endChecked)) {
      if (!isSound(record) || (prev !== undefined && !sameBytes(record.prevHash, prev))) {
        throw new Refused(`record ${record.seq} is damaged`)
      }
      prev = record.hash
    }
  }

  #storedTree(seq: number): MerkleTree {
    const row = this.#trees.get()
    const size = Number(row?.["seq"] ?? 0)
    const stored = row === undefined || size > seq
      ? undefined
      : MerkleTree.fromBytes(sha256, size, bytesOf(row["peaks"]))
    return stored ?? new MerkleTree(sha256)
  }
}
