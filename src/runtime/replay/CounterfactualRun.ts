import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Actions, contrastOf, Counterfactual, type CounterfactualReport } from "../../domain/replay/Counterfactual.ts"
import type { ReplayReport } from "../../domain/replay/ReplayReport.ts"
import type { Candidate } from "./Candidate.ts"
import * as ReplayRun from "./ReplayRun.ts"

/** A comparison with the figures of both replays. */
export interface ReplayedContrast extends CounterfactualReport {
  readonly current: ReplayReport
  readonly candidate: ReplayReport
}

/**
 * Replays a trace under the policy in force and again under the candidate, and compares line by line. Result files are
 * those of the candidate.
 */
export const run = (
  request: ReplayRun.ReplayRequest,
  policy: Candidate,
  notes: ReadonlyArray<string>
): Effect.Effect<ReplayedContrast, ReplayRun.ReplayError, Scope.Scope> =>
  Effect.gen(function*() {
    const before = new Actions()
    const current = yield* ReplayRun.run({ ...request, scores: undefined, report: undefined }, (batch) => {
      for (const { action } of batch) before.add(action)
    })
    const difference = new Counterfactual()
    let index = 0
    const candidate = yield* ReplayRun.run({ ...request, config: policy.config }, (batch) => {
      for (const verdict of batch) difference.add(contrastOf(verdict, before.at(index++)))
    })
    return { ...difference.report(policy.changes, notes), current, candidate }
  })
