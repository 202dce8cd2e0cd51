import * as Fs from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { beginImmediate, isDamaged, Locked, openSqlite, Refused, setAside } from "./SqliteFile.ts"
import { readWitness, writeWitness } from "./StateWitness.ts"

/** A stored value with the id of the key that its MAC was made with. */
export interface StateRow {
  readonly name: string
  readonly generation: number
  readonly keyId: string
  readonly mac: Uint8Array
  readonly bytes: Uint8Array
}

/** The MAC over all values together. */
export interface StateSeal {
  readonly keyId: string
  readonly mac: Uint8Array
}

/** What the state file holds, without the values. */
export interface StateContents {
  readonly rows: ReadonlyArray<Omit<StateRow, "bytes">>
  readonly seal: StateSeal | undefined
  /** The newest generation that was acknowledged, as the file beside the audit head remembers it; 0 where it does not. */
  readonly witness: number
}

/** A trace line as stored. */
export interface TraceRow {
  readonly decisionId: string
  readonly json: string
}

/** What the storage thread can be asked about state and trace. `reset` forgets all other values: they were refused. */
export type StateRequest =
  | { readonly op: "openState" }
  | { readonly op: "save"; readonly row: StateRow; readonly seal: StateSeal; readonly reset: boolean }
  | { readonly op: "load"; readonly name: string }
  | { readonly op: "appendTrace"; readonly rows: ReadonlyArray<TraceRow> }
  | { readonly op: "recentTrace"; readonly limit: number }
  | { readonly op: "findTrace"; readonly decisionId: string }
  | { readonly op: "closeState" }

/** Where the files lie, and how many trace lines are kept. */
export interface StateFilesOptions {
  readonly statePath: string
  readonly witnessPath: string
  readonly tracePath: string
  readonly traceRowsMax: number
  readonly lockWaitMs: number
}

/**
 * Bytes of a value in one row. SQLite copies a row twice while it writes it, and a statement keeps a copy of the last: of
 * all baselines in one row that would be hundreds of megabytes where 10,000 functions are protected.
 */
const pieceBytes = 256 * 1024

/** What values have beyond their first pieces; a file that was begun without it gets it. */
const pieceSchema =
  "CREATE TABLE IF NOT EXISTS piece (name TEXT, n INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (name, n)) STRICT;"
const stateSchema = `
  CREATE TABLE value (
    name TEXT PRIMARY KEY, generation INTEGER NOT NULL, key_id TEXT NOT NULL, mac BLOB NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE TABLE seal (n INTEGER PRIMARY KEY, key_id TEXT NOT NULL, mac BLOB NOT NULL) STRICT;
  ${pieceSchema}
`
const traceSchema = `
  CREATE TABLE trace (n INTEGER PRIMARY KEY, decision TEXT NOT NULL, json TEXT NOT NULL) STRICT;
  CREATE INDEX trace_decision ON trace (decision);
`

const withPieces = (db: DatabaseSync): DatabaseSync => {
  try {
    db.exec(pieceSchema)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const bytesOf = (value: unknown): Uint8Array => value instanceof Uint8Array ? value : new Uint8Array(0)

const joined = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

class StateFiles {
  readonly #options: StateFilesOptions
  #state: DatabaseSync | undefined
  #trace: DatabaseSync | undefined

  constructor(options: StateFilesOptions) {
    this.#options = options
  }

  openState(): StateContents {
    const { statePath } = this.#options
    try {
      return this.#orSetAside(statePath, () => this.#contents())
    } catch (error) {
      // A damaged file is out of the way now. That the new one is not what was saved last, its witness says.
      if (!isDamaged(error)) throw error
      return this.#contents()
    }
  }

  #contents(): StateContents {
    const db = this.#openState()
    const seal = db.prepare("SELECT key_id, mac FROM seal WHERE n = 1").get()
    return {
      rows: db.prepare("SELECT name, generation, key_id, mac FROM value").all().map((row) => ({
        name: String(row["name"]),
        generation: Number(row["generation"]),
        keyId: String(row["key_id"]),
        mac: bytesOf(row["mac"])
      })),
      seal: seal === undefined ? undefined : { keyId: String(seal["key_id"]), mac: bytesOf(seal["mac"]) },
      witness: readWitness(this.#options.witnessPath)
    }
  }

  save({ bytes, generation, keyId, mac, name }: StateRow, seal: StateSeal, reset: boolean): void {
    const { statePath } = this.#options
    if (this.#state !== undefined && !Fs.existsSync(statePath)) {
      this.close()
      throw new Error(`the state file ${statePath} was removed`)
    }
    this.#transaction(statePath, () => this.#openState(), (db) => {
      if (reset) db.exec("DELETE FROM value; DELETE FROM piece")
      db.prepare("INSERT OR REPLACE INTO value (name, generation, key_id, mac, bytes) VALUES (?, ?, ?, ?, ?)")
        .run(name, generation, keyId, mac, bytes.subarray(0, pieceBytes))
      db.prepare("DELETE FROM piece WHERE name = ?").run(name)
      const insert = db.prepare("INSERT INTO piece (name, n, bytes) VALUES (?, ?, ?)")
      for (let n = 1; n * pieceBytes < bytes.length; n++) {
        insert.run(name, n, bytes.subarray(n * pieceBytes, (n + 1) * pieceBytes))
      }
      db.prepare("INSERT OR REPLACE INTO seal (n, key_id, mac) VALUES (1, ?, ?)").run(seal.keyId, seal.mac)
    })
    writeWitness(this.#options.witnessPath, generation)
  }

  load(name: string): StateRow | undefined {
    const { pieces, row } = this.#orSetAside(this.#options.statePath, () => {
      const db = this.#openState()
      return {
        row: db.prepare("SELECT * FROM value WHERE name = ?").get(name),
        pieces: db.prepare("SELECT bytes FROM piece WHERE name = ? ORDER BY n").all(name)
      }
    })
    return row === undefined ? undefined : {
      name,
      generation: Number(row["generation"]),
      keyId: String(row["key_id"]),
      mac: bytesOf(row["mac"]),
      bytes: joined([row, ...pieces].map(({ bytes }) => bytesOf(bytes)))
    }
  }

  appendTrace(rows: ReadonlyArray<TraceRow>): void {
    this.#transaction(this.#options.tracePath, () => this.#openTrace(), (db) => {
      const insert = db.prepare("INSERT INTO trace (decision, json) VALUES (?, ?)")
      for (const { decisionId, json } of rows) insert.run(decisionId, json)
      db.prepare("DELETE FROM trace WHERE n <= (SELECT max(n) FROM trace) - ?").run(this.#options.traceRowsMax)
    })
  }

  recentTrace(limit: number): ReadonlyArray<string> {
    const rows = this.#orSetAside(
      this.#options.tracePath,
      () => this.#openTrace().prepare("SELECT json FROM trace ORDER BY n DESC LIMIT ?").all(limit)
    )
    return rows.map((row) => String(row["json"])).toReversed()
  }

  findTrace(decisionId: string): string | undefined {
    const found = "SELECT json FROM trace WHERE decision = ? ORDER BY n DESC LIMIT 1"
    const row = this.#orSetAside(
      this.#options.tracePath,
      () => this.#openTrace().prepare(found).get(decisionId)
    )
    return row === undefined ? undefined : String(row["json"])
  }

  close(): void {
    const [state, trace] = [this.#state, this.#trace]
    this.#state = undefined
    this.#trace = undefined
    state?.close()
    trace?.close()
  }

  #openState(): DatabaseSync {
    const { lockWaitMs, statePath } = this.#options
    try {
      return this.#state ??= withPieces(openSqlite({
        path: statePath,
        applicationId: 0x50494353,
        schemaVersion: 1,
        schema: stateSchema,
        synchronous: "FULL",
        exclusive: true,
        lockWaitMs
      }))
    } catch (error) {
      if (!(error instanceof Locked)) throw error
      throw new Refused(
        `${statePath} is in use: one process owns it while it runs; give every process its own storage.directory`
      )
    }
  }

  #openTrace(): DatabaseSync {
    const { lockWaitMs, tracePath } = this.#options
    return this.#trace ??= openSqlite({
      path: tracePath,
      applicationId: 0x50494354,
      schemaVersion: 1,
      schema: traceSchema,
      synchronous: "NORMAL",
      exclusive: false,
      lockWaitMs
    })
  }

  /** After a failed commit the files are closed: what the kernel kept is unknown, so nothing goes on from there. */
  #transaction(path: string, open: () => DatabaseSync, body: (db: DatabaseSync) => void): void {
    this.#orSetAside(path, () => {
      const db = open()
      beginImmediate(db, path, this.#options.lockWaitMs)
      try {
        body(db)
        db.exec("COMMIT")
      } catch (error) {
        this.close()
        throw error
      }
    })
  }

  /**
   * Neither state nor trace is worth not starting for: a damaged file makes room for a new one, and its request fails. A
   * second look through a new handle comes first, because SQLite calls damage what is an error of reading.
   */
  #orSetAside<A>(path: string, body: () => A): A {
    try {
      return body()
    } catch (error) {
      if (!isDamaged(error)) throw error
      this.close()
    }
    try {
      return body()
    } catch (error) {
      if (isDamaged(error)) {
        this.close()
        setAside(path)
      }
      throw error
    }
  }
}

/** Answers requests about state and trace; the files are opened when first needed. */
export const stateHandler = (options: StateFilesOptions) => {
  const files = new StateFiles(options)
  return (request: StateRequest): unknown => {
    switch (request.op) {
      case "openState":
        return files.openState()
      case "save":
        return files.save(request.row, request.seal, request.reset)
      case "load":
        return files.load(request.name)
      case "appendTrace":
        return files.appendTrace(request.rows)
      case "recentTrace":
        return files.recentTrace(request.limit)
      case "findTrace":
        return files.findTrace(request.decisionId)
      case "closeState":
        return files.close()
    }
  }
}
