import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { auditKinds } from "../../domain/audit/AuditKinds.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { encodeProof } from "../../domain/audit/InclusionProof.ts"
import { type AuditFilter, bodyText, functionOf, matches, toObject } from "../../domain/audit/AuditExport.ts"
import * as AuditReader from "../../layers/brain/AuditReader.ts"
import { AuditStore } from "../../services/AuditStore.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import * as AuditLog from "./AuditLog.ts"
import { command as exportCommand } from "./auditExport.ts"
import { configFlags, jsonFlag, loadConfig, parseMoment } from "./Common.ts"
import { BadInput, CheckFailed } from "./Failure.ts"
import * as Keyset from "./Keyset.ts"
import * as Output from "./Output.ts"

/** How often `pic audit tail` looks for new records. */
const pollInterval = "500 millis"

const verify = Command.make("verify", { ...configFlags, json: jsonFlag }, (input) =>
  Effect.gen(function*() {
    const { settings } = yield* loadConfig(input)
    const report = yield* Effect.gen(function*() {
      yield* Keyset.source(settings)
      const heads = yield* (yield* AuditStore).heads
      return yield* AuditLog.verify(heads).pipe(Effect.provide(Keyset.layer(input)))
    }).pipe(Effect.catchTag("AuditStoreError", AuditLog.unreadable), Effect.provide(AuditLog.layer(settings)))
    yield* Output.result(input.json, report, () =>
      report.ok
        ? `The log is sound: ${report.detail}.`
        : `THE LOG IS DAMAGED (${report.damage ?? "unknown"}): ${report.detail}.`)
    if (!report.ok) return yield* new CheckFailed({ message: "" })
  })).pipe(
    Command.withDescription(
      "Check the whole chain against the external head: edits, deletions, insertions, reordering, cuts"
    )
  )

const render = (record: AuditRecord): string => {
  const fn = functionOf(record)
  return `${record.seq}  ${Output.time(record.time)}  ${record.kind}${fn === "" ? "" : `  ${fn}`}  ${
    bodyText(record) ?? "(binary)"
  }`
}

const tailFlags = {
  ...configFlags,
  json: jsonFlag,
  lines: Flag.Int("lines").pipe(
    Flag.withAlias("n"),
    Flag.filter((count) => count >= 0 && count <= 10_000, (count) => `0 to 10000, not ${count}`),
    Flag.withDescription("Records to begin with"),
    Flag.withDefault(20)
  ),
  once: Flag.Boolean("once").pipe(Flag.withDescription("Print and end, instead of following"), Flag.withDefault(false)),
  kind: Flag.Literals("kind", auditKinds).pipe(Flag.withDescription("Only this kind"), Flag.optional),
  fn: Flag.String("function").pipe(Flag.withAlias("fn"), Flag.withDescription("Only this function"), Flag.optional),
  since: Flag.String("since").pipe(
    Flag.withDescription("Only records since then: 2h, 2026-01-31T12:00Z or epoch milliseconds"),
    Flag.optional
  )
}

const tail = Command.make("tail", tailFlags, (input) =>
  Effect.gen(function*() {
    const { settings } = yield* loadConfig(input)
    const since = Option.isNone(input.since)
      ? undefined
      : parseMoment(input.since.value, yield* Clock.currentTimeMillis)
    if (Option.isSome(input.since) && since === undefined) {
      return yield* new BadInput({
        message: `--since ${input.since.value} is no time; expected 2h, 2026-01-31 or epoch milliseconds`
      })
    }
    const filter: AuditFilter = { kind: Option.getOrUndefined(input.kind), fn: Option.getOrUndefined(input.fn), since }
    yield* Effect.gen(function*() {
      const store = yield* AuditStore
      const last = yield* store.lastSeq
      const first: Array<AuditRecord> = []
      const filtered = filter.kind !== undefined || filter.fn !== undefined || since !== undefined
      yield* AuditLog.forEachPage(filtered ? 1 : Math.max(1, last - input.lines + 1), last, (page) =>
        Effect.sync(() => {
          first.push(...page.filter((record) => matches(record, filter)))
          first.splice(0, Math.max(0, first.length - input.lines))
          return true
        }))
      if (input.json) return yield* Output.json({ records: first.map(toObject), lastSeq: last })
      for (const record of first) yield* Output.line(render(record))
      if (input.once) return
      for (let next = last + 1;;) {
        yield* Effect.sleep(pollInterval)
        const newest = yield* store.lastSeq
        yield* AuditLog.forEachPage(next, newest, (page) =>
          Effect.as(
            Effect.forEach(page.filter((record) => matches(record, filter)), (record) => Output.line(render(record)), {
              discard: true
            }),
            true
          ))
        next = Math.max(next, newest + 1)
      }
    }).pipe(Effect.catchTag("AuditStoreError", AuditLog.unreadable), Effect.provide(AuditLog.layer(settings)))
  })).pipe(Command.withDescription("Print the last records and follow the log; with --once or --json print and end"))

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url")

const proveFlags = {
  ...configFlags,
  json: jsonFlag,
  seq: Argument.Int("seq").pipe(Argument.withDescription("Number of the record"))
}

const prove = Command.make("prove", proveFlags, (input) =>
  Effect.gen(function*() {
    const { settings } = yield* loadConfig(input)
    yield* Keyset.source(settings)
    const proof = yield* Effect.gen(function*() {
      const crypto = AuditReader.verifierCrypto(yield* CryptoCore, yield* KeyManager)
      const proof = yield* AuditReader.prove(yield* AuditStore, crypto, [], input.seq)
      const { checkpoint, path, record } = proof
      return {
        record: toObject(record),
        position: record.seq - 1,
        size: checkpoint.seq,
        path: path.map(encode),
        proof: encode(encodeProof(proof))
      }
    }).pipe(
      Effect.catchTag("AuditStoreError", AuditLog.unreadable),
      Effect.catchTag("AuditUnavailable", ({ detail }) => Effect.fail(new CheckFailed({ message: detail }))),
      Effect.provide([Keyset.layer(input), AuditLog.layer(settings)])
    )
    yield* Output.result(input.json, proof, () =>
      [
        `Record ${input.seq} is one of the ${proof.size} records that the checkpoint signs; path from leaf to root:`,
        ...proof.path.map((hash) => `  ${hash}`),
        `proof ${proof.proof}`
      ].join("\n"))
  })).pipe(
    Command.withDescription(
      "Prove that one record is in the signed log, without showing the others (RFC 9162, section 2.1.3)"
    )
  )

/** `pic audit`. */
export const command = Command.make("audit").pipe(
  Command.withDescription("Verify, follow and export the evidence"),
  Command.withSubcommands([verify, tail, exportCommand, prove])
)
