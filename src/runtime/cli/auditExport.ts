import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { auditKinds } from "../../domain/audit/AuditKinds.ts"
import { type AuditFilter, csvHeader, matches, toCsv, toObject } from "../../domain/audit/AuditExport.ts"
import { AuditStore } from "../../services/AuditStore.ts"
import * as AuditLog from "./AuditLog.ts"
import { configFlags, jsonFlag, loadConfig, parseMoment } from "./Common.ts"
import { BadInput, CheckFailed } from "./Failure.ts"
import * as Output from "./Output.ts"

const flags = {
  ...configFlags,
  json: jsonFlag,
  format: Flag.Literals("format", ["ndjson", "csv"]).pipe(
    Flag.withDescription("Format of the records"),
    Flag.withDefault("ndjson")
  ),
  out: Flag.String("out").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("New file (mode 0600) to write to; stdout by default, needed with --json"),
    Flag.optional
  ),
  since: Flag.String("since").pipe(
    Flag.withDescription("Only records since then: 2h, 2026-01-31T12:00Z or epoch milliseconds"),
    Flag.optional
  ),
  until: Flag.String("until").pipe(Flag.withDescription("Only records until then"), Flag.optional),
  kind: Flag.Literals("kind", auditKinds).pipe(Flag.withDescription("Only this kind"), Flag.optional),
  fn: Flag.String("function").pipe(Flag.withAlias("fn"), Flag.withDescription("Only this function"), Flag.optional)
}

const moment = (flag: string, given: Option.Option<string>): Effect.Effect<number | undefined, BadInput> =>
  Effect.gen(function*() {
    if (Option.isNone(given)) return undefined
    const time = parseMoment(given.value, yield* Clock.currentTimeMillis)
    if (time !== undefined) return time
    return yield* new BadInput({
      message: `${flag} ${given.value} is no time; expected 2h, 2026-01-31 or epoch milliseconds`
    })
  })

/** Where the records go: a new file that only its owner reads, or stdout. */
const sink = (out: Option.Option<string>) =>
  Effect.gen(function*() {
    if (Option.isNone(out)) return (yield* Output.Streams).out
    const path = out.value
    const handle = yield* Effect.acquireRelease(
      Effect.try({
        try: () => Fs.openSync(path, "wx", 0o600),
        catch: (cause) => {
          const code = typeof cause === "object" && cause !== null && "code" in cause
            ? String(cause.code)
            : "unknown reason"
          const why = code === "EEXIST" ? "exists already and was left as it is" : `cannot be written (${code})`
          return new BadInput({ message: `${path} ${why}` })
        }
      }),
      (open) => Effect.sync(() => Fs.closeSync(open))
    )
    return (text: string) =>
      Effect.try({
        try: () => Fs.writeFileSync(handle, text),
        catch: () => new CheckFailed({ message: `${path} could not be written in full` })
      })
  })

/** `pic audit export`. */
export const command = Command.make("export", flags, (input) =>
  Effect.gen(function*() {
    if (input.json && Option.isNone(input.out)) {
      return yield* new BadInput({
        message: "--json prints the summary on stdout: say with --out where the records go"
      })
    }
    const { settings } = yield* loadConfig(input)
    const filter: AuditFilter = {
      kind: Option.getOrUndefined(input.kind),
      fn: Option.getOrUndefined(input.fn),
      since: yield* moment("--since", input.since),
      until: yield* moment("--until", input.until)
    }
    const summary = yield* Effect.gen(function*() {
      const store = yield* AuditStore
      const total = yield* store.lastSeq
      const head = yield* store.head
      const retired = (yield* store.anchor)?.seq ?? 0
      const write = yield* sink(input.out)
      let scanned = 0
      let exported = 0
      if (input.format === "csv") yield* write(`${csvHeader}\r\n`)
      yield* AuditLog.forEachPage(1, total, (page) =>
        Effect.gen(function*() {
          const chosen = page.filter((record) => matches(record, filter))
          const lines = chosen.map((record) =>
            input.format === "csv" ? `${toCsv(record)}\r\n` : `${Output.toJson(toObject(record))}\n`
          )
          if (lines.length > 0) yield* write(lines.join(""))
          scanned += page.length
          exported += chosen.length
          yield* Output.progress(
            "exporting",
            Option.isSome(input.out) ? scanned : 0,
            Option.isSome(input.out) ? total : 0
          )
          return true
        }))
      return {
        exported,
        scanned,
        total,
        headSeq: head?.seq ?? 0,
        ...(retired > 0 ? { retired } : {}),
        complete: retired + scanned === total && total >= (head?.seq ?? 0)
      }
    }).pipe(
      Effect.scoped,
      Effect.catchTag("AuditStoreError", AuditLog.unreadable),
      Effect.provide(AuditLog.layer(settings))
    )
    const text =
      `${summary.exported} of ${summary.scanned} records exported; the log has ${summary.total}, its head covers ${summary.headSeq}` +
      (summary.retired === undefined ? "" : `, ${summary.retired} were retired`)
    yield* input.json ? Output.json(summary) : Output.note(text)
    if (!summary.complete) {
      return yield* new CheckFailed({ message: "the log is incomplete: pic audit verify says what is missing" })
    }
  })).pipe(
    Command.withDescription("Write records as NDJSON or CSV, with counts that show whether the export is complete")
  )
