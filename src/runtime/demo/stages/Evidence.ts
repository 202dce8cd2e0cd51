import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Accounting from "../../../domain/flow/Accounting.ts"
import { AuditLogger } from "../../../services/AuditLogger.ts"
import { CellAgent } from "../../../services/CellAgent.ts"
import { ShopClient } from "../ShopClient.ts"
import { Checks, type Stage } from "../Stage.ts"

const decodeBody = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({ decisionId: Schema.String })))
const text = new TextDecoder()

/** The decision ids of all records of blocks; the demo makes far fewer than one answer may have. */
const blocksOf = Effect.fnUntraced(function*(audit: AuditLogger["Service"]) {
  const { records } = yield* audit.query({ kind: "block" })
  return yield* Effect.forEach(
    records,
    (record) => Effect.map(decodeBody(text.decode(record.body)), ({ decisionId }) => decisionId)
  )
})

/** Refused calls without a record, and records of blocks that no client has seen. */
const mismatches = (refusals: ReadonlyArray<string>, records: ReadonlyArray<string>): ReadonlyArray<string> => {
  const recorded = new Set(records)
  const refused = new Set(refusals)
  const missing = refusals.filter((id) => !recorded.has(id)).length
  const surplus = records.filter((id) => !refused.has(id)).length
  return [
    ...(missing > 0 ? [`${missing} of ${refusals.length} blocked calls have no record`] : []),
    ...(surplus > 0 ? [`${surplus} records are of blocks that no client has seen`] : [])
  ]
}

/** At the end: the chain of evidence verifies, every block has its record, and every call is accounted for. */
export const stage: Stage<ShopClient | AuditLogger | CellAgent> = {
  name: "evidence",
  shows: "audit log and accounting",
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const audit = yield* AuditLogger
    const agent = yield* CellAgent
    const checks = new Checks()
    yield* agent.flush
    const verified = yield* Effect.result(Effect.andThen(audit.flush, audit.verify))
    const recorded = yield* Effect.result(blocksOf(audit))
    const accounting = yield* agent.accounting
    const { refusals, sent } = yield* client.totals
    const report = Result.isSuccess(verified) ? verified.success : undefined
    if (Result.isFailure(verified)) checks.expect(false, `the evidence cannot be verified: ${verified.failure.message}`)
    else checks.expect(verified.success.ok, `the evidence does not verify: ${verified.success.detail}`)
    if (Result.isFailure(recorded)) checks.expect(false, `the evidence cannot be read: ${recorded.failure.message}`)
    else for (const problem of mismatches(refusals, recorded.success)) checks.expect(false, problem)
    checks.expect(Accounting.balanced(accounting), "the accounting identity does not hold")
    checks.expect(
      accounting.offered === sent,
      `${sent} requests were sent, but ${accounting.offered} calls were offered`
    )
    checks.expect(accounting.inFlight === 0, `${accounting.inFlight} calls are still in flight`)
    return {
      summary: `${report?.records ?? 0} records verified; every one of ${sent} calls accounted for`,
      problems: checks.problems,
      figures: {
        auditVerified: report?.ok ?? false,
        auditRecords: report?.records ?? 0,
        blocked: refusals.length,
        accounting
      }
    }
  })
}
