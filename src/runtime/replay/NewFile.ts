import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { escapeLine } from "../../domain/Printable.ts"

/** A result file cannot be written. */
export class Unwritable extends Schema.TaggedError<Unwritable>()("Unwritable", {
  file: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${escapeLine(this.file)}: ${this.reason}`
  }
}

/** A file that exists under its name only once it is complete. */
export interface NewFile {
  readonly write: (text: string) => Effect.Effect<void, Unwritable>
  /** Makes what was written durable and gives it its name, in one step. */
  readonly publish: Effect.Effect<void, Unwritable>
}

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown reason"

const isSameFile = (a: string, b: string): boolean => {
  try {
    return Fs.realpathSync(a) === Fs.realpathSync(b)
  } catch {
    return false
  }
}

/**
 * Starts a file (mode 0600) under a temporary name beside its own; a file of that name is replaced when it is complete.
 * The scope removes what was not published. Refuses a name that is one of `inputs`.
 */
export const make = (
  file: string,
  inputs: ReadonlyArray<string>
): Effect.Effect<NewFile, Unwritable, Scope.Scope> =>
  Effect.gen(function*() {
    if (inputs.some((input) => isSameFile(input, file))) {
      return yield* new Unwritable({ file, reason: "is one of the trace files and would be overwritten" })
    }
    const attempt = <A>(act: () => A): Effect.Effect<A, Unwritable> =>
      Effect.try({
        try: act,
        catch: (cause) => new Unwritable({ file, reason: `cannot be written (${codeOf(cause)})` })
      })
    const target = Path.resolve(file)
    const present = yield* attempt(() => Fs.statSync(target, { throwIfNoEntry: false }))
    if (present !== undefined && !present.isFile()) {
      return yield* new Unwritable({ file, reason: "is not a regular file and was left as it is" })
    }
    const temporary = Path.join(Path.dirname(target), `.${Path.basename(target)}.${process.pid}.part`)
    const handle = yield* Effect.acquireRelease(
      attempt(() => Fs.openSync(temporary, "w", 0o600)),
      (open) =>
        Effect.sync(() => {
          Fs.closeSync(open)
          Fs.rmSync(temporary, { force: true })
        })
    )
    return {
      write: (text) => attempt(() => Fs.writeFileSync(handle, text)),
      publish: attempt(() => {
        Fs.fsyncSync(handle)
        Fs.renameSync(temporary, target)
      })
    }
  })
