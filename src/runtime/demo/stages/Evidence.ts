import * as Effect from "effect/Effect"
import * as Accounting from "../../../domain/Accounting.ts"
import { AuditLogger } from "../../../services/AuditLogger.ts"
import { CellAgent } from "../../../services/CellAgent.ts"
import { ShopClient } from "../ShopClient.ts"
import { Checks, type Stage } from "../Stage.ts"

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
    const blocks = yield* Effect.result(audit.query({ kind: "block", limit: 1 }))
    const accounting = yield* agent.accounting
    const { refused, sent } = yield* client.totals
    const report = verified._tag === "Success" ? verified.success : undefined
    if (verified._tag === "Failure") {
      checks.expect(false, `the evidence cannot be verified: ${verified.failure.message}`)
    } else checks.expect(verified.success.ok, `the evidence does not verify: ${verified.success.detail}`)
    if (blocks._tag === "Failure") checks.expect(false, `the evidence cannot be read: ${blocks.failure.message}`)
    else {
      const { total } = blocks.success
      checks.expect(total === refused, `${refused} calls were blocked, but there are ${total} records of blocks`)
    }
    checks.expect(Accounting.balanced(accounting), "the accounting identity does not hold")
    checks.expect(
      accounting.offered === sent,
      `${sent} requests were sent, but ${accounting.offered} calls were offered`
    )
    checks.expect(accounting.inFlight === 0, `${accounting.inFlight} calls are still in flight`)
    return {
      summary: `${report?.records ?? 0} records verified; every one of ${sent} calls accounted for`,
      problems: checks.problems,
      figures: { auditVerified: report?.ok ?? false, auditRecords: report?.records ?? 0, blocked: refused, accounting }
    }
  })
}
