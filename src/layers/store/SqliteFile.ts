import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Url from "node:url"

/** The file is damaged, or not the one that its head was made for: nothing that trying again would heal. */
export class Refused extends Error {}

/** The file is not ours, of a version that we do not know, or lies where it cannot be kept safely. */
export class Foreign extends Refused {}

/** The database stayed locked by somebody else for as long as we may wait. */
export class Locked extends Error {}

/** How a database file is opened. */
export interface SqliteFileOptions {
  readonly path: string
  /** Marks the file as ours (SQLite's application id), one number per kind of database. */
  readonly applicationId: number
  readonly schemaVersion: number
  /** Statements that make the schema, run once in an empty file. */
  readonly schema: string
  /** `FULL` where an answer promises durability; `NORMAL` only where losing the last second is fine. */
  readonly synchronous: "FULL" | "NORMAL"
  /** Whether this process wants the file for itself, for as long as it is open. */
  readonly exclusive: boolean
  /** How long to wait for a lock that somebody else holds. */
  readonly lockWaitMs: number
}

/**
 * How often a lock that somebody else holds is tried. SQLite's own waiting backs off to a tenth of a second, so that one
 * busy writer starves all others; and a closing thread must never be far from its next JavaScript instruction.
 */
const lockRetryMs = 0.5

const sleeper = new Int32Array(new SharedArrayBuffer(4))
const synchronousLevel = { NORMAL: 1, FULL: 2 }

const sqliteCode = (error: unknown): number =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : 0

/** SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN: what SQLite says where it cannot make its shared memory. */
const cannotShare: ReadonlySet<number> = new Set([8, 10, 13, 14])

/** Whether an error says that somebody else holds the lock (SQLITE_BUSY, SQLITE_LOCKED). */
export const isBusy = (error: unknown): boolean => sqliteCode(error) === 5 || sqliteCode(error) === 6

/** Whether an error says that the file is damaged, or no database at all (SQLITE_CORRUPT, SQLITE_NOTADB). */
export const isDamaged = (error: unknown): boolean => sqliteCode(error) === 11 || sqliteCode(error) === 26

/** Puts a damaged file out of the way, for whoever wants to look at it; the next open makes a new one. */
export const setAside = (path: string): void => {
  Fs.renameSync(path, `${path}.damaged`)
  for (const suffix of ["-wal", "-shm", "-journal"]) Fs.rmSync(`${path}${suffix}`, { force: true })
}

const pragma = (db: DatabaseSync, name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]

/** Makes the directory (0700) and an empty file (0600), so that SQLite's own files inherit the mode. */
const prepareFile = (path: string): void => {
  try {
    makeFile(path)
  } catch (error) {
    throw new Foreign(`${path} cannot be made: ${error instanceof Error ? error.message : "unknown failure"}`)
  }
}

const makeFile = (path: string): void => {
  Fs.mkdirSync(Path.dirname(path), { recursive: true, mode: 0o700 })
  if (Fs.existsSync(path)) return
  Fs.closeSync(Fs.openSync(path, "a", 0o600))
  const directory = Fs.openSync(Path.dirname(path), "r")
  Fs.fsyncSync(directory)
  Fs.closeSync(directory)
}

/** Runs a step until nobody else holds the lock that it needs, for at most `waitMs`. */
export const untilUnlocked = <A>(path: string, waitMs: number, step: () => A): A => {
  const end = performance.now() + waitMs
  for (;;) {
    try {
      return step()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (performance.now() >= end) throw new Locked(`${path} is locked by another process`)
      Atomics.wait(sleeper, 0, 0, lockRetryMs)
    }
  }
}

const checkVersion = (db: DatabaseSync, options: SqliteFileOptions): boolean => {
  const { applicationId, path, schemaVersion } = options
  const version = Number(pragma(db, "user_version"))
  const application = Number(pragma(db, "application_id"))
  if (version === 0 && application === 0) {
    if (db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined) return false
    throw new Foreign(`${path} is a database of another program`)
  }
  if (application !== applicationId) throw new Foreign(`${path} is a database of another program`)
  if (version !== schemaVersion) {
    throw new Foreign(
      `${path} has schema version ${version}, this release reads version ${schemaVersion}; use the release that wrote it`
    )
  }
  return true
}

/**
 * Opens a database file, makes its schema where it is empty, and refuses one that is not ours. WAL and the level of
 * synchronisation are set and read back on every open: a driver that silently falls back would lose evidence.
 */
export const openSqlite = (options: SqliteFileOptions): DatabaseSync => {
  const { lockWaitMs, path } = options
  prepareFile(path)
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    if (options.exclusive) untilUnlocked(path, lockWaitMs, () => db.exec("PRAGMA locking_mode = EXCLUSIVE"))
    // By `exec`, which waits for the end: asked for its answer alone, SQLite says "wal" before the change is in the file.
    untilUnlocked(path, lockWaitMs, () => db.exec("PRAGMA journal_mode = WAL"))
    if (pragma(db, "journal_mode") !== "wal") {
      throw new Foreign(`${path} cannot use a write-ahead log on this file system`)
    }
    db.exec(`PRAGMA synchronous = ${options.synchronous}; PRAGMA fullfsync = ON; PRAGMA trusted_schema = OFF`)
    if (pragma(db, "synchronous") !== synchronousLevel[options.synchronous]) {
      throw new Foreign(`${path} does not keep synchronous = ${options.synchronous}`)
    }
    beginImmediate(db, path, lockWaitMs)
    if (!checkVersion(db, options)) {
      db.exec(options.schema)
      db.exec(`PRAGMA application_id = ${options.applicationId}; PRAGMA user_version = ${options.schemaVersion}`)
    }
    db.exec("COMMIT")
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Opens a database file of ours for reading only. Waits for nobody and changes nothing. To read beside a writer SQLite
 * needs shared memory in a file; where that cannot be made (a full disk, a copy on a read-only one) and nobody has written
 * since the last checkpoint, the file is read as one that does not change.
 */
export const openSqliteReadOnly = (options: SqliteFileOptions): DatabaseSync => {
  const { lockWaitMs, path } = options
  if (!Fs.existsSync(path)) throw new Foreign(`${path} does not exist`)
  const open = (location: string | URL): DatabaseSync => {
    const db = new DatabaseSync(location, { readOnly: true, timeout: lockWaitMs })
    try {
      if (!checkVersion(db, options)) throw new Foreign(`${path} is empty`)
      return db
    } catch (error) {
      db.close()
      throw error
    }
  }
  try {
    return open(path)
  } catch (error) {
    const unused = (Fs.statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0
    if (!unused || !cannotShare.has(sqliteCode(error))) throw error
    const location = Url.pathToFileURL(path)
    location.searchParams.set("immutable", "1")
    return open(location)
  }
}

/** Takes the write lock, waiting for who holds it. */
export const beginImmediate = (db: DatabaseSync, path: string, waitMs: number): void =>
  untilUnlocked(path, waitMs, () => db.exec("BEGIN IMMEDIATE"))
