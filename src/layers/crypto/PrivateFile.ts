import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"

/** A file of secrets could not be used; `detail` continues a sentence that names the file. */
export class PrivateFileError extends Data.TaggedError("PrivateFileError")<{
  readonly detail: string
  readonly cause: "missing" | "exists" | "other"
}> {}

/** Owner alone may read and write. */
export const fileMode = 0o600
const directoryMode = 0o700

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : "error"

/** The error that a failure of the operating system stands for. */
export const failed = (operation: string) => (cause: unknown) => {
  const code = codeOf(cause)
  if (code === "ENOENT") return new PrivateFileError({ detail: "is missing", cause: "missing" })
  const detail = code === "ELOOP" ? "is a symbolic link" : `could not be ${operation} (${code})`
  return new PrivateFileError({ detail, cause: code === "EEXIST" ? "exists" : "other" })
}

const attempt = <A>(operation: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: failed(operation) })

const opened = <A>(path: string, flags: number, use: (handle: Fs.FileHandle) => Effect.Effect<A, PrivateFileError>) =>
  Effect.acquireUseRelease(
    attempt("opened", () => Fs.open(path, flags | constants.O_NOFOLLOW, fileMode)),
    use,
    (handle) => Effect.ignore(attempt("closed", () => handle.close()))
  )

const identity = (
  stats: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint; readonly ctimeNs: bigint }
) => `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`

/** What changes whenever the file is written or replaced. */
export const identityOf = (path: string) =>
  Effect.map(attempt("read", () => Fs.lstat(path, { bigint: true })), identity)

/** Whether anything lies at the path, a dangling link included. */
export const exists = (path: string): Effect.Effect<boolean> =>
  attempt("read", () => Fs.lstat(path)).pipe(
    Effect.map(() => true),
    Effect.catch((error) => Effect.succeed(error.cause !== "missing"))
  )

/** `identityOf`, at once: for moments that cannot wait. Throws what the system call throws. */
export const identityUnsafe = (path: string): string => identity(lstatSync(path, { bigint: true }))

const refusedFile = (detail: string) => new PrivateFileError({ detail, cause: "other" })

/**
 * Reads a file that is no link, belongs to its owner alone and is not too large; checked on the open file. It does not
 * yield, so that what was read is still the newest when it is put in force. Throws.
 */
export const readUnsafe = (path: string, bytesMax: number): { readonly text: string; readonly identity: string } => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  try {
    const stats = fstatSync(file, { bigint: true })
    const mode = Number(stats.mode) & 0o777
    if (!stats.isFile()) throw refusedFile("is not a regular file")
    if ((mode & 0o077) !== 0) {
      throw refusedFile(`may be used by others (mode ${mode.toString(8)}); run chmod 600 on it`)
    }
    if (stats.size > bytesMax) throw refusedFile(`is larger than ${bytesMax} bytes`)
    return { text: readFileSync(file, "utf8"), identity: identity(stats) }
  } finally {
    closeSync(file)
  }
}

/** `readUnsafe` with its failures typed. */
export const read = (path: string, bytesMax: number) =>
  Effect.try({
    try: () => readUnsafe(path, bytesMax),
    catch: (cause) => cause instanceof PrivateFileError ? cause : failed("read")(cause)
  })

/** Makes a directory, and its parents, for its owner alone; one that exists is left as it is. */
export const makeDirectory = (path: string) =>
  attempt("made", () => Fs.mkdir(path, { recursive: true, mode: directoryMode })).pipe(Effect.asVoid)

const syncDirectory = (path: string) =>
  opened(path, constants.O_RDONLY, (handle) => attempt("synchronised", () => handle.sync()))

/** Replaces a file in one step that survives a power cut: write beside it, fsync, rename, fsync the directory. */
export const replace = (path: string, temporary: string, text: string): Effect.Effect<void, PrivateFileError> =>
  opened(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, (handle) =>
    Effect.andThen(
      attempt("written", () => handle.writeFile(text)),
      attempt("synchronised", () => handle.sync())
    )).pipe(
      Effect.andThen(attempt("replaced", () => Fs.rename(temporary, path))),
      Effect.andThen(syncDirectory(Path.dirname(path))),
      Effect.onError(() => Effect.ignore(attempt("removed", () => Fs.unlink(temporary))))
    )
