import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { failed, fileMode, PrivateFileError } from "./PrivateFile.ts"

/** How long a lock of another process is waited for, in tries; its holder needs milliseconds. */
const wait = { times: 1_000, interval: "5 millis" } as const
/** SQLITE_BUSY: somebody else holds the lock. */
const busyCode = 5

const isBusy = (cause: unknown): boolean =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number"
  && (cause.errcode & 0xff) === busyCode

const refusal = (cause: unknown): PrivateFileError => {
  if (cause instanceof PrivateFileError) return cause
  return isBusy(cause) ? new PrivateFileError({ detail: "is locked", cause: "exists" }) : failed("locked")(cause)
}

/** Makes the file where it is missing. It is never opened here otherwise: closing it would drop the lock (fcntl). */
const prepare = (path: string): void => {
  const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) Fs.closeSync(Fs.openSync(path, "ax", fileMode))
  else if (!stats.isFile()) throw new PrivateFileError({ detail: "could not be locked: no file", cause: "other" })
}

const take = (path: string): DatabaseSync => {
  prepare(path)
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    // With its journal in memory nothing is ever written: the file stays empty and only its lock is used, on a full disk
    // too. (Without a journal would do as well, but Node opens databases defensively, and then SQLite ignores that.)
    db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/**
 * Runs while holding a lock that excludes other processes and other holders in this one. It is a lock of the operating
 * system, by way of SQLite, since Node offers none: it ends with its process, however that ends. The empty file stays,
 * because removing a lock file lets two processes hold two locks of one name.
 */
export const withLock = <A, E>(path: string, body: Effect.Effect<A, E>): Effect.Effect<A, E | PrivateFileError> =>
  Effect.acquireUseRelease(
    Effect.try({ try: () => take(path), catch: refusal }).pipe(
      Effect.retry({
        schedule: Schedule.spaced(wait.interval),
        times: wait.times,
        while: (error) => error.cause === "exists"
      })
    ),
    () => body,
    (db) => Effect.sync(() => db.close())
  )
