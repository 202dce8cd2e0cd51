import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Fs from "node:fs/promises"
import { isAuditKind } from "../../domain/audit/AuditKinds.ts"
import { decodeBody, encodeBody } from "../../domain/audit/BodyBytes.ts"
import { encodeRecord, hashLength } from "../../domain/audit/RecordBytes.ts"
import type { AuditEntry } from "../../services/AuditStore.ts"
import * as SpoolFiles from "./SpoolFiles.ts"

/** Most bytes that wait for a store that cannot write: some 10,000 records, then only their number is kept. */
export const spoolBytesMax = 4 * 1024 * 1024

/** What a spool signs its lines with: anyone may write to a file, but only a signed line becomes evidence. */
export interface SpoolKeys {
  readonly sign: (data: Uint8Array) => { readonly keyId: string; readonly mac: Uint8Array }
  readonly verify: (keyId: string, data: Uint8Array, mac: Uint8Array) => boolean
}

const macBytes = ({ body, kind, time }: AuditEntry): Uint8Array =>
  encodeRecord({ seq: 0, time, kind, keyId: "spool", prevHash: new Uint8Array(hashLength), body })

const toLine = (entry: AuditEntry, keys: SpoolKeys): string => {
  const { keyId, mac } = keys.sign(macBytes(entry))
  const [body, signature] = [entry.body, mac].map((bytes) => Buffer.from(bytes).toString("base64url"))
  return `${JSON.stringify({ time: entry.time, kind: entry.kind, body, key: keyId, mac: signature })}\n`
}

const fromLine = (line: string, keys: SpoolKeys): AuditEntry | undefined => {
  try {
    const { body, key, kind, mac, time }: { readonly [name: string]: unknown } = JSON.parse(line)
    if (typeof body !== "string" || typeof mac !== "string" || typeof key !== "string") return undefined
    if (typeof kind !== "string" || !isAuditKind(kind) || typeof time !== "number") return undefined
    const entry = { time, kind, body: new Uint8Array(Buffer.from(body, "base64url")) }
    return keys.verify(key, macBytes(entry), new Uint8Array(Buffer.from(mac, "base64url"))) ? entry : undefined
  } catch {
    return undefined
  }
}

/** The same entry, marked as written late: it may stand in the log twice where a crash came at the wrong moment. */
const marked = (entry: AuditEntry): AuditEntry => ({
  ...entry,
  body: encodeBody({ ...decodeBody(entry.body), spooled: true })
})

/** Entries that the store could not take. Bounded; kept in a file as well, so that a restart does not lose them. */
export interface AuditSpool {
  /** Keeps an entry for later; `false` where the spool is full. Never waits. */
  readonly addUnsafe: (entry: AuditEntry) => boolean
  /** The oldest entries, marked, at most `limit`; they stay until `remove`. */
  readonly peek: (limit: number) => ReadonlyArray<AuditEntry>
  /** Forgets the `count` oldest entries: they are in the log now. */
  readonly remove: (count: number) => Effect.Effect<void>
  readonly size: () => number
  /** Lines of earlier processes that were refused. */
  readonly refused: number
  /** Writes to the file what is not in it yet. */
  readonly sync: Effect.Effect<void>
}

const quiet = <A>(run: () => Promise<A>) => Effect.ignore(Effect.tryPromise(run))

const orEmpty = <A>(run: () => Promise<ReadonlyArray<A>>): Effect.Effect<ReadonlyArray<A>> =>
  Effect.catch(Effect.tryPromise(run), () => Effect.succeed([]))

/** The lines of a file with its path, or nothing where it cannot be read: then it stays for another start. */
const linesOf = (path: string) =>
  orEmpty(async () => {
    const lines = (await Fs.readFile(path, "utf8")).split("\n").filter((line) => line !== "")
    return [{ path, lines }]
  })

/**
 * Opens a spool in a directory, with what ended processes left there; without a directory it lives in memory. Every
 * process has a file of its own, because each rewrites its file while another may be adding to its own.
 */
export const make = Effect.fnUntraced(function*(directory: string | undefined, keys: SpoolKeys) {
  const files = directory === undefined ? undefined : yield* Effect.acquireRelease(
    Effect.sync(() => SpoolFiles.make(directory)),
    ({ release }) => Effect.sync(release)
  )
  const path = files?.path
  const taken = files === undefined ? [] : yield* orEmpty(files.takeOrphans)
  const orphans = (yield* Effect.forEach(taken, linesOf)).flat()
  const turn = yield* Semaphore.make(1)
  const found = orphans.flatMap(({ lines }) => lines.map((line) => fromLine(line, keys)))
  const entries: Array<AuditEntry> = found.filter((entry) => entry !== undefined)
  const refused = found.length - entries.length
  let bytes = entries.reduce((sum, entry) => sum + entry.body.length, 0)
  let unwritten: Array<string> = []

  const append = Effect.suspend(() => {
    if (path === undefined || unwritten.length === 0) return Effect.void
    const text = unwritten.join("")
    unwritten = []
    return quiet(async () => {
      const file = await Fs.open(path, "a", 0o600)
      try {
        await file.writeFile(text)
        await file.datasync()
      } finally {
        await file.close()
      }
    })
  })
  const rewrite = Effect.suspend(() => {
    if (path === undefined) return Effect.void
    unwritten = []
    if (entries.length === 0) return Effect.tryPromise(() => Fs.rm(path, { force: true }))
    const text = entries.map((entry) => toLine(entry, keys)).join("")
    const temporary = `${path}.new`
    return Effect.tryPromise(async () => {
      await Fs.writeFile(temporary, text, { mode: 0o600, flush: true })
      await Fs.rename(temporary, path)
    })
  })
  // Files that were taken over go only once this spool's own file holds what was in them.
  if (orphans.length > 0) {
    const remove = Effect.forEach(orphans, (orphan) => quiet(() => Fs.rm(orphan.path, { force: true })))
    yield* Effect.ignore(Effect.andThen(rewrite, remove))
  }

  const spool: AuditSpool = {
    addUnsafe: (entry) => {
      if (bytes + entry.body.length > spoolBytesMax) return false
      entries.push(entry)
      bytes += entry.body.length
      if (path !== undefined) unwritten.push(toLine(entry, keys))
      return true
    },
    peek: (limit) => entries.slice(0, limit).map(marked),
    remove: (count) =>
      turn.withPermits(1)(Effect.suspend(() => {
        for (const { body } of entries.splice(0, count)) bytes -= body.length
        return Effect.ignore(rewrite)
      })),
    size: () => entries.length,
    refused,
    sync: turn.withPermits(1)(append)
  }
  return spool
})
