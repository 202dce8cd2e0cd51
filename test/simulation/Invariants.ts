import { type Accounting, balanced } from "../../src/domain/flow/Accounting.ts"
import { defaults } from "../../src/domain/settings/Settings.ts"
import { evidenceSlackMs } from "../../src/layers/agent/BrainConnector.ts"
import { FailureClass } from "../../src/domain/FailureClass.ts"
import * as FailTable from "../../src/domain/decide/FailTable.ts"
import type { Disk } from "./Store.ts"
import { type Call, hostile, type Witness } from "./Witness.ts"

/**
 * No caller waits longer than this, in ms: for a remote brain until the deadline; for one in the same process, whose answer is
 * only ever late, until its evidence may be and some more; then for the evidence of a block that the agent made itself.
 */
export const answerMsMax = (inProcess: boolean): number => {
  const { audit, cellagent } = defaults
  const verdict = inProcess ? Math.max(cellagent.deadline_ms, audit.wait_ms + evidenceSlackMs) : cellagent.deadline_ms
  return verdict + audit.wait_ms + 1
}

/** The state of the system at the end of a step. */
export interface Moment {
  readonly now: number
  readonly accounting: Accounting
  readonly queue: { readonly size: number; readonly bytes: number }
  readonly queueMax: { readonly size: number; readonly bytes: number }
  readonly bufferedBytes: number
  readonly bufferBytesMax: number
  /** Whether everything that could be under way has had time to end. */
  readonly quiet: boolean
}

const marked = "its evidence is spooled, not durable"

/** Attacks on enforced calls may run for these reasons only, all of them visible. */
const openSources: ReadonlySet<string> = new Set(["observe", "fail_open", "sampled_out"])

const checkTable = (call: Call): string | undefined => {
  const { decision, modeAfter, modeBefore } = call
  if (decision?.source !== "fail_open" && decision?.source !== "fail_closed") return undefined
  const modes = new Set([modeBefore, modeAfter ?? modeBefore])
  const failure = FailureClass.literals.find((name) => decision.reason.startsWith(`${name}:`))
  if (failure === undefined) return `its reason names no failure: ${decision.reason}`
  const expected = [...modes].map((mode) => FailTable.lookup(failure, mode, call.enforcing))
  return expected.some(({ action, source }) => action === decision.action && source === decision.source)
    ? undefined
    : `${decision.source} ${decision.action} for ${failure} in mode ${[...modes].join("/")}`
}

const checkBlock = (call: Call, records: number): string | undefined => {
  const { decision, durableBefore } = call
  if (decision?.action !== "block") return undefined
  if (decision.id === "") return "a block without a decision id"
  if (decision.reason.endsWith(marked)) return undefined
  if (durableBefore !== 1) return `the caller saw the block with ${durableBefore} durable records of it`
  return records === 1 ? undefined : `${records} records of one block`
}

const checkVerdict = (call: Call): string | undefined => {
  const { decision, enforcing } = call
  if (decision === undefined) return undefined
  if (!enforcing && decision.action === "block") return `an observed call was blocked by ${decision.source}`
  if (call.fn === hostile && enforcing && decision.action === "allow" && !openSources.has(decision.source)) {
    return `an attack was allowed by ${decision.source}: ${decision.reason}`
  }
  if (call.fn !== hostile && decision.action === "block" && decision.source !== "fail_closed") {
    return `an ordinary call was blocked by ${decision.source}`
  }
  return undefined
}

const checkRun = (call: Call, now: number, msMax: number): string | undefined => {
  const { decision } = call
  if (call.ran > 1) return `ran ${call.ran} times`
  if (call.ran === 1 && decision?.action !== "allow") return "ran without an allow"
  if (!call.enforcing && call.ran !== 1 && !call.interrupted) return "an observed call did not run at once"
  if (call.answeredAt === undefined) {
    return now - call.startedAt > msMax ? `is not answered after ${msMax} ms` : undefined
  }
  if (call.answeredAt - call.startedAt > msMax) return `waited ${call.answeredAt - call.startedAt} ms`
  if (call.interrupted || decision === undefined) return undefined
  const expected = decision.action === "allow" ? "ran" : "blocked"
  return call.outcome === expected ? undefined : `was told ${decision.action} but ${call.outcome}`
}

/** Looks at the system after every step; what it complains of is a broken promise. */
export const makeChecker = (witness: Witness, disk: Disk, inProcess: boolean) => {
  const msMax = answerMsMax(inProcess)
  const settled = new Set<number>()
  const complaints = new Set<string>()

  const twice = (what: string, counts: ReadonlyMap<string, number>): void => {
    for (const [id, times] of counts) if (times > 1) complaints.add(`${what} ${times} times: ${id}`)
  }
  const checkCalls = (now: number): void => {
    for (const call of witness.calls) {
      if (settled.has(call.n)) continue
      const records = disk.durable.get(call.decision?.id ?? "") ?? 0
      for (
        const check of [checkTable(call), checkBlock(call, records), checkVerdict(call), checkRun(call, now, msMax)]
      ) {
        if (check !== undefined) complaints.add(`call ${call.n} of ${call.fn}: ${check}`)
      }
      if (call.answeredAt !== undefined) settled.add(call.n)
    }
  }
  const check = (moment: Moment): void => {
    const { accounting, queue, queueMax } = moment
    checkCalls(moment.now)
    if (!balanced(accounting)) complaints.add(`the accounting does not balance: ${JSON.stringify(accounting)}`)
    if (accounting.inFlight < 0) complaints.add(`${accounting.inFlight} calls in flight`)
    if (accounting.offered !== witness.calls.length) {
      complaints.add(`${accounting.offered} calls offered of ${witness.calls.length} made`)
    }
    if (moment.quiet && accounting.inFlight !== 0) complaints.add(`${accounting.inFlight} calls in flight for ever`)
    if (queue.size > queueMax.size || queue.bytes > queueMax.bytes) complaints.add(`the queue grew to ${queue.size}`)
    if (moment.bufferedBytes > moment.bufferBytesMax) complaints.add(`the buffer grew to ${moment.bufferedBytes} bytes`)
  }
  /** What can only be told when all is over: nothing twice, and every block in the log. */
  const finish = (): void => {
    twice("analysed", witness.scored)
    twice("learned", witness.learned)
    twice("outcome learned", witness.outcomes)
    for (const { decision, n } of witness.calls) {
      if (decision?.action !== "block") continue
      const records = disk.durable.get(decision.id) ?? 0
      if (records !== 1) complaints.add(`call ${n}: ${records} records of its block in the end`)
    }
  }
  return { check, finish, complaints }
}
