import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as HtmlReport from "../../domain/replay/HtmlReport.ts"
import * as Report from "../../domain/replay/ReplayReport.ts"
import { type LineVerdict, Verdicts } from "../../domain/replay/Verdicts.ts"
import type { ConfigOptions } from "../../layers/config/PicConfig.ts"
import type { PicConfigError } from "../../services/PicConfig.ts"
import * as NewFile from "./NewFile.ts"
import * as Replay from "./Replay.ts"
import * as TraceCheck from "./TraceCheck.ts"
import type { TraceUnreadable } from "./TraceFiles.ts"

/** What the user of `pic replay` asked for. */
export interface ReplayRequest {
  readonly learn: ReadonlyArray<string>
  readonly test: ReadonlyArray<string>
  readonly config: ConfigOptions
  /** Where the scores and the page go; `undefined`: nowhere. */
  readonly scores: string | undefined
  readonly report: string | undefined
  readonly progress: TraceCheck.Progress
}

/** Why a replay has no result. */
export type ReplayError = TraceUnreadable | NewFile.Unwritable | Replay.ReplayFailed | PicConfigError

/** One line of the scores file. The file is named only where there are several. */
const scoreLine = ({ action, file, line, score }: LineVerdict, several: boolean): string =>
  `${JSON.stringify(several ? { file, line, score, action } : { line, score, action })}\n`

const failed = (error: NewFile.Unwritable) => new Replay.ReplayFailed({ detail: error.message })

/**
 * Checks all trace files, replays them, and writes what was asked for. Result files appear when everything is done, or
 * not at all. `take` sees every verdict on the way.
 */
export const run = (
  request: ReplayRequest,
  take: (verdicts: ReadonlyArray<LineVerdict>) => void = () => {}
): Effect.Effect<Report.ReplayReport, ReplayError, Scope.Scope> =>
  Effect.gen(function*() {
    const { learn, progress, test } = request
    const inputs = [...learn, ...test]
    const facts = yield* TraceCheck.check(learn, test, progress)
    const scores = request.scores === undefined ? undefined : yield* NewFile.make(request.scores, inputs)
    const page = request.report === undefined ? undefined : yield* NewFile.make(request.report, inputs)
    const verdicts = new Verdicts()
    const figures = yield* Replay.run({
      learn,
      test,
      facts,
      config: request.config,
      progress,
      take: (batch) => {
        for (const verdict of batch) verdicts.add(verdict)
        take(batch)
        if (scores === undefined || batch.length === 0) return Effect.void
        return Effect.mapError(scores.write(batch.map((one) => scoreLine(one, test.length > 1)).join("")), failed)
      }
    })
    const detection = verdicts.report(figures.nominalFpr)
    const report: Report.ReplayReport = {
      ok: true,
      ...detection,
      learned: { lines: facts.learn.lines, calls: facts.learn.calls },
      calls: facts.test.calls,
      decisionsPerSecond: figures.decisionsPerSecond,
      scoreUs: figures.scoreUs,
      functions: { ready: figures.functionsReady, learning: figures.functionsLearning },
      notes: Report.notesOn({
        report: detection,
        learnedAttacks: facts.learn.attacks,
        functionsLearning: figures.functionsLearning,
        untimed: facts.untimed.size,
        unmeasured: facts.unmeasured.size
      }),
      worstFalseAlarms: verdicts.worst.slice(0, Report.falseAlarmsListed).map(Report.falseAlarm)
    }
    if (page !== undefined) {
      const title = `pic replay of ${test.join(", ")}`
      yield* page.write(HtmlReport.render({ title, report, ...verdicts.scores(), worst: verdicts.worst }))
    }
    if (scores !== undefined) yield* scores.publish
    if (page !== undefined) yield* page.publish
    return report
  })
