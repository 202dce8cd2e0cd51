import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import type { Readable } from "node:stream"
import { pipeline } from "node:stream"
import * as Zlib from "node:zlib"
import { escapeLine } from "../../domain/Printable.ts"
import * as TraceLine from "../../domain/replay/TraceLine.ts"
import * as FileFailure from "../../layers/FileFailure.ts"

/** Longest line in bytes: a session of a million system calls fits, a file without line breaks is not read into memory. */
export const lineBytesMax = 8 * 1024 * 1024

/** A trace cannot be read: the file, the line where there is one, and why. */
export class TraceUnreadable extends Schema.TaggedError<TraceUnreadable>()("TraceUnreadable", {
  file: Schema.String,
  line: Schema.UndefinedOr(Schema.Int),
  reason: Schema.String
}) {
  override get message() {
    const file = escapeLine(this.file)
    return this.line === undefined ? `${file}: ${this.reason}` : `${file}, line ${this.line}: ${this.reason}`
  }
}

/** A line with its place. */
export interface PlacedLine {
  readonly file: string
  readonly line: number
  readonly text: string
  readonly trace: TraceLine.TraceLine
}

/** Lines that are read together. `bytes` is how much of the file has been read so far, as it lies on disk. */
export interface Page {
  readonly lines: ReadonlyArray<PlacedLine>
  readonly bytes: number
}

const reasonOf = (cause: unknown): string => {
  switch (FileFailure.codeOf(cause)) {
    case "Z_BUF_ERROR":
      return "is cut off: the gzip data ends in the middle"
    case "Z_DATA_ERROR":
      return "is not intact gzip data, as its name says it is"
    default:
      return FileFailure.reasonOf(cause)
  }
}

/** Size of a trace file in bytes; it is read twice (checked, then replayed), so only regular files will do. */
export const sizeOf = (file: string): Effect.Effect<number, TraceUnreadable> =>
  Effect.suspend(() => {
    const refuse = (reason: string) => Effect.fail(new TraceUnreadable({ file, line: undefined, reason }))
    try {
      const stat = Fs.statSync(file)
      if (stat.isDirectory()) return refuse("is a directory, not a file")
      if (!stat.isFile()) return refuse("is not a regular file; a trace is read twice, so a pipe will not do")
      return stat.size === 0 ? refuse("is empty") : Effect.succeed(stat.size)
    } catch (cause) {
      return refuse(reasonOf(cause))
    }
  })

const decoder = new TextDecoder("utf-8", { fatal: true })
const lineFeed = 10

/** Cuts bytes into lines and decodes them; what is no trace line is thrown as `TraceUnreadable`. */
class Lines {
  readonly #file: string
  #line = 0
  #rest: Array<Uint8Array> = []
  #restBytes = 0

  constructor(file: string) {
    this.#file = file
  }

  #refuse(reason: string): TraceUnreadable {
    return new TraceUnreadable({ file: this.#file, line: this.#line, reason })
  }

  #decode(bytes: Uint8Array, into: Array<PlacedLine>): void {
    this.#line++
    const zero = bytes.indexOf(0)
    if (zero >= 0) {
      const gzip = this.#line === 1 && bytes[0] === 0x1f && bytes[1] === 0x8b
      throw this.#refuse(
        gzip
          ? "is gzip data, but the name of the file does not end in .gz"
          : `is not text: it has a zero byte at offset ${zero}`
      )
    }
    let text: string
    try {
      text = decoder.decode(bytes)
    } catch {
      throw this.#refuse("is not text: it is not valid UTF-8")
    }
    if (text.trim() === "") return
    const trace = TraceLine.decode(text)
    if (Result.isFailure(trace)) throw this.#refuse(trace.failure)
    into.push({ file: this.#file, line: this.#line, text, trace: trace.success })
  }

  push(chunk: Uint8Array): ReadonlyArray<PlacedLine> {
    const lines: Array<PlacedLine> = []
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      this.#keep(chunk.subarray(from, end))
      this.#decode(this.#take(), lines)
      from = end + 1
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from))
    return lines
  }

  /** The last line, where no line break ends it. */
  finish(): ReadonlyArray<PlacedLine> {
    const lines: Array<PlacedLine> = []
    if (this.#restBytes > 0) this.#decode(this.#take(), lines)
    return lines
  }

  #keep(part: Uint8Array): void {
    this.#restBytes += part.length
    if (this.#restBytes > lineBytesMax) {
      this.#line++
      throw this.#refuse(`is longer than ${lineBytesMax} bytes`)
    }
    if (part.length > 0) this.#rest.push(part)
  }

  #take(): Uint8Array {
    const [first] = this.#rest
    const bytes = this.#rest.length === 1 && first !== undefined ? first : Buffer.concat(this.#rest)
    this.#rest = []
    this.#restBytes = 0
    return bytes
  }
}

interface Opened {
  readonly chunks: AsyncIterator<Uint8Array>
  readonly bytesRead: () => number
  readonly close: () => void
}

const openStream = (file: string): Opened => {
  const source = Fs.createReadStream(file)
  let stream: Readable = source
  if (file.endsWith(".gz")) {
    const gunzip = Zlib.createGunzip()
    pipeline(source, gunzip, () => {})
    stream = gunzip
  }
  return {
    chunks: stream[Symbol.asyncIterator](),
    bytesRead: () => source.bytesRead,
    close: () => {
      stream.destroy()
      source.destroy()
    }
  }
}

const toError = (file: string) => (cause: unknown): TraceUnreadable =>
  cause instanceof TraceUnreadable ? cause : new TraceUnreadable({ file, line: undefined, reason: reasonOf(cause) })

/** Opens a trace; each run of the effect reads its next page, `undefined` at the end. The scope closes the file. */
export const open = (
  file: string
): Effect.Effect<Effect.Effect<Page | undefined, TraceUnreadable>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const opened = yield* Effect.acquireRelease(
      Effect.sync(() => openStream(file)),
      ({ close }) => Effect.sync(close)
    )
    const lines = new Lines(file)
    let done = false
    const next = Effect.tryPromise({ try: () => opened.chunks.next(), catch: toError(file) })
    return Effect.suspend(() => {
      if (done) return Effect.succeed(undefined)
      return Effect.flatMap(next, (chunk) =>
        Effect.try({
          try: (): Page => {
            if (chunk.done !== true) return { lines: lines.push(chunk.value), bytes: opened.bytesRead() }
            done = true
            return { lines: lines.finish(), bytes: opened.bytesRead() }
          },
          catch: toError(file)
        }))
    })
  })

/** Runs `use` on every page of every file, in order. */
export const forEachPage = <E, R>(
  files: ReadonlyArray<string>,
  use: (page: Page, file: number) => Effect.Effect<void, E, R>
): Effect.Effect<void, TraceUnreadable | E, R> =>
  Effect.forEach(
    files,
    (file, index) =>
      Effect.scoped(Effect.gen(function*() {
        const read = yield* open(file)
        for (let page = yield* read; page !== undefined; page = yield* read) yield* use(page, index)
      })),
    { discard: true }
  )
