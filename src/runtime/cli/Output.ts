import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { isoTime } from "../../domain/audit/AuditExport.ts"
import { escapeLine, escapeText } from "../../domain/Printable.ts"

/** Where a command writes: results to `out`, everything else to `err`. Both wait until the text is taken. */
export interface Streams {
  readonly out: (text: string) => Effect.Effect<void>
  readonly err: (text: string) => Effect.Effect<void>
  /** Whether `err` is a terminal, where progress may be drawn. */
  readonly terminal: boolean
}

const writing = (stream: NodeJS.WriteStream) => (text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    stream.write(text, () => resume(Effect.void))
  })

/** The streams of the process; tests put their own in. */
export const Streams = Context.Reference<Streams>("effect-pic/runtime/cli/Streams", {
  defaultValue: () => ({
    out: writing(process.stdout),
    err: writing(process.stderr),
    terminal: process.stderr.isTTY === true
  })
})

const nonAscii = /[^\x20-\x7e]/g

/** JSON in which every character that a terminal could act on is an escape; it parses to the same value. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    nonAscii,
    (character) =>
      /\p{L}|\p{N}|\p{P}|\p{S}/u.test(character)
        ? character
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** Prints text of our own with foreign values in it, escaped, and a line break. */
export const line = (text: string): Effect.Effect<void> =>
  Effect.flatMap(Streams, ({ out }) => out(`${escapeText(text)}\n`))

/** Prints a message beside the result. */
export const note = (text: string): Effect.Effect<void> =>
  Effect.flatMap(Streams, ({ err }) => err(`${escapeText(text)}\n`))

/** Prints the one object of `--json`. */
export const json = (value: unknown): Effect.Effect<void> =>
  Effect.flatMap(Streams, ({ out }) => out(`${toJson(value)}\n`))

/** Prints a result as its object with `--json`, else as text. */
export const result = (asJson: boolean, value: unknown, text: () => string): Effect.Effect<void> =>
  asJson ? json(value) : line(text())

/** Lays rows out in columns, each as wide as its widest cell; cells are escaped first. */
export const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const cells = [header, ...rows].map((row) => row.map((cell) => escapeLine(cell)))
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()).join("\n")
}

/** A time in epoch milliseconds as people read it; a dash where there is none. */
export const time = (ms: number | undefined): string => ms === undefined ? "-" : isoTime(ms)

/** Draws progress on a terminal: the share done of a long work. Answers nothing where there is no terminal. */
export const progress = (label: string, done: number, total: number): Effect.Effect<void> =>
  Effect.flatMap(Streams, ({ err, terminal }) => {
    if (!terminal || total === 0) return Effect.void
    const share = Math.min(1, done / total)
    const bar = "#".repeat(Math.round(share * 30)).padEnd(30, ".")
    return err(`\r${label} [${bar}] ${Math.floor(share * 100)} %${share === 1 ? "\n" : ""}`)
  })
