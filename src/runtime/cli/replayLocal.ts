import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as Path from "node:path"
import type { CounterfactualReport } from "../../domain/replay/Counterfactual.ts"
import type { Settings } from "../../domain/settings/Settings.ts"
import * as PicConfig from "../../layers/config/PicConfig.ts"
import type { Candidate } from "../replay/Candidate.ts"
import * as LocalTrace from "../replay/LocalTrace.ts"
import { type ConfigFlags, configOptions, exists } from "./Common.ts"
import { BadInput } from "./Failure.ts"
import * as Keyset from "./Keyset.ts"

/** Explanations by the saved baselines, where there is a keyset and nobody else owns them. */
const explainer = (flags: ConfigFlags, settings: Settings) =>
  Effect.result(
    Effect.andThen(
      Keyset.source(settings),
      Effect.provide(LocalTrace.explainer, Layer.provide(Keyset.layer(flags), Logger.layer([])))
    )
  )

const unexplained =
  "newly blocked calls without a reason look ordinary to the baselines of now, which have learned since"

/** `pic replay --policy` without traces: the candidate against the recent decisions of the storage directory. */
export const run = (
  flags: ConfigFlags,
  settings: Settings,
  candidate: Candidate,
  notes: ReadonlyArray<string>
): Effect.Effect<CounterfactualReport, BadInput> =>
  Effect.gen(function*() {
    const { directory } = settings.storage
    const path = Path.join(directory, "trace.db")
    if (directory === "memory" || !exists(path)) {
      const why = directory === "memory" ? "storage.directory is memory" : `there is no ${path}`
      return yield* new BadInput({ message: `${why}: no recent calls are stored; give --learn and --test` })
    }
    const entries = yield* LocalTrace.recent.pipe(
      Effect.provide(PicConfig.layer(configOptions(flags))),
      Effect.mapError((error) =>
        new BadInput({ message: error.message === "" ? `${path} is unreadable` : error.message })
      )
    )
    const rate = candidate.settings.brain.false_positive_rate
    const explain = yield* explainer(flags, settings)
    const all = [...notes]
    if (Result.isFailure(explain)) {
      all.push("newly blocked calls are not explained: the baselines are missing or in use by the running process")
    }
    all.push("the trace store is a sample of the last calls in which blocks come first; their number is no rate")
    const result = LocalTrace.compare(entries, rate, Result.isSuccess(explain) ? explain.success : undefined)
    const report = result.report(candidate.changes, all)
    return Result.isSuccess(explain) && report.newBlocks.some(({ findings }) => findings.length === 0)
      ? { ...report, notes: [...all, unexplained] }
      : report
  })
