import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Path from "node:path"
import type * as Keyset from "../../domain/keys/Keyset.ts"
import * as KeysetDocument from "../../domain/keys/KeysetDocument.ts"
import type { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManagerError, KeysetNotWritten, KeysetRefused } from "../../services/KeyManager.ts"
import * as FileLock from "./FileLock.ts"
import * as PrivateFile from "./PrivateFile.ts"
import { freshKeyset, type KeysetStore, refusedChange } from "./KeysetStore.ts"

/** Largest keyset file in bytes: the most keys, twice over. */
const fileBytesMax = 2 * 1024 * 1024

/** The newest keyset that was seen: nothing older, and nothing else under its number, is accepted again. */
interface Seen {
  readonly generation: number
  readonly checksum: string
}

const parseSeen = (text: string): Seen | undefined => {
  const [generation, checksum] = text.trim().split(" ")
  const number = Number(generation)
  return Number.isSafeInteger(number) && number > 0 && checksum !== undefined
    ? { generation: number, checksum }
    : undefined
}

const rollback = (seen: Seen, found: Seen): string | undefined => {
  if (found.generation < seen.generation) {
    return `is generation ${found.generation}, but generation ${seen.generation} was already in use`
  }
  return found.generation === seen.generation && found.checksum !== seen.checksum
    ? `differs from the generation ${seen.generation} that was already in use`
    : undefined
}

/**
 * A keyset in a file of its owner alone, replaced atomically. Beside it lie `<path>.generation`, which remembers the
 * newest keyset over restarts, and `<path>.lock`, which is empty and whose lock ends with its holder.
 */
export const make = (file: string, crypto: CryptoCore["Service"], now: () => number): KeysetStore => {
  const path = Path.resolve(file)
  const seenPath = `${path}.generation`
  const hash = (text: string) => Buffer.from(crypto.sha256Unsafe(Buffer.from(text))).toString("hex")
  const temporary = () => `${path}.${Buffer.from(crypto.randomBytesUnsafe(6)).toString("hex")}.tmp`
  let seen: Seen | undefined
  let identity = ""

  const refused = (detail: string) => new KeyManagerError({ reason: new KeysetRefused({ path, detail }) })
  const notWritten = (cause: unknown) => new KeyManagerError({ reason: new KeysetNotWritten({ path, cause }) })

  /** Takes what was read, unless it is damaged or older than what was seen: then says why. */
  const accept = (file: { readonly text: string; readonly identity: string }): Result.Result<Keyset.Keyset, string> => {
    const parsed = KeysetDocument.parse(file.text, hash)
    if (Result.isFailure(parsed)) return parsed
    const keyset = parsed.success
    const found = { generation: keyset.generation, checksum: KeysetDocument.checksumOf(keyset, hash) }
    const older = seen === undefined ? undefined : rollback(seen, found)
    if (older !== undefined) return Result.fail(older)
    seen = found
    identity = file.identity
    return parsed
  }

  const read = PrivateFile.read(path, fileBytesMax).pipe(
    Effect.mapError((error) => refused(error.detail)),
    Effect.flatMap((file) => Effect.mapError(Effect.fromResult(accept(file)), refused))
  )

  /** A change under way has read ahead of what is in force, so that what was seen counts too. */
  const isNews = (found: string, inForce: number) => found !== identity || (seen?.generation ?? 0) > inForce

  const lookUnsafe = (inForce: number): Keyset.Keyset | undefined => {
    try {
      if (!isNews(PrivateFile.identityUnsafe(path), inForce)) return undefined
      return Result.getOrUndefined(accept(PrivateFile.readUnsafe(path, fileBytesMax)))
    } catch {
      // Whatever is wrong with the file is reported by the next `refresh`.
      return undefined
    }
  }

  const readSeen = PrivateFile.read(seenPath, fileBytesMax).pipe(
    Effect.flatMap(({ text }) => {
      const remembered = parseSeen(text)
      return remembered === undefined
        ? Effect.fail(refused(`cannot be compared with ${seenPath}, which is damaged`))
        : Effect.succeed(remembered)
    }),
    Effect.catchTag(
      "PrivateFileError",
      (error) =>
        error.cause === "missing"
          ? Effect.succeed(undefined)
          : Effect.fail(refused(`cannot be compared with ${seenPath}: it ${error.detail}`))
    )
  )

  const writeSeen = Effect.suspend(() =>
    seen === undefined
      ? Effect.void
      : PrivateFile.replace(seenPath, temporary(), `${seen.generation} ${seen.checksum}\n`)
  ).pipe(Effect.mapError(notWritten))

  const write = (keyset: Keyset.Keyset) =>
    PrivateFile.replace(path, temporary(), KeysetDocument.print(keyset, hash)).pipe(
      Effect.mapError(notWritten),
      // What was written is read back: only what another process could load counts.
      Effect.andThen(read),
      Effect.tap(writeSeen)
    )

  const locked = <A>(body: Effect.Effect<A, KeyManagerError>) =>
    FileLock.withLock(`${path}.lock`, body).pipe(
      Effect.catchTag("PrivateFileError", (error) => Effect.fail(notWritten(error)))
    )

  const open = locked(Effect.gen(function*() {
    seen = yield* readSeen
    const before = seen?.generation
    if (yield* PrivateFile.exists(path)) {
      const keyset = yield* read
      // Written only where it changes: a full disk must not keep a process from starting.
      if (keyset.generation !== before) yield* writeSeen
      return { keyset, created: false }
    }
    if (seen !== undefined) {
      return yield* refused(`is missing; restore generation ${seen.generation}, or remove ${seenPath} to begin anew`)
    }
    return { keyset: yield* write(freshKeyset(crypto, now())), created: true }
  }))

  return {
    path,
    rotatesItself: false,
    open: PrivateFile.makeDirectory(Path.dirname(path)).pipe(Effect.mapError(notWritten), Effect.andThen(open)),
    refresh: (inForce) =>
      PrivateFile.identityOf(path).pipe(
        Effect.mapError((error) => refused(error.detail)),
        Effect.flatMap((found) => isNews(found, inForce) ? read : Effect.succeed(undefined))
      ),
    update: (change) =>
      locked(Effect.flatMap(read, (current) => {
        const changed = change(current)
        if (Result.isFailure(changed)) return Effect.fail(refusedChange(changed.failure))
        return changed.success === current ? Effect.succeed(current) : write(changed.success)
      })),
    lookUnsafe
  }
}
