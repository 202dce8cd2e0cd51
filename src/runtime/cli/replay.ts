import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ReplayError, ReplayRequest } from "../replay/ReplayRun.ts"
import { type ConfigFlags, configFlags, configOptions, jsonFlag, loadConfig } from "./Common.ts"
import { BadInput, CheckFailed } from "./Failure.ts"
import * as Output from "./Output.ts"
import * as PolicyText from "./policyText.ts"
import * as ReplayText from "./replayText.ts"

/** What each form of the command needs is loaded only when it is asked for. */
const load = {
  replay: Effect.promise(() => import("../replay/ReplayRun.ts")),
  contrast: Effect.promise(() => import("../replay/CounterfactualRun.ts")),
  candidate: Effect.promise(() => import("../replay/Candidate.ts")),
  local: Effect.promise(() => import("./replayLocal.ts"))
}

const files = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("FILE"), Flag.withDescription(description), Flag.atLeast(0))

const single = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("FILE"), Flag.withDescription(description), Flag.optional)

const flags = {
  ...configFlags,
  json: jsonFlag,
  learn: files("learn", "Trace of normal calls to learn from (NDJSON, .gz too); several are learned in this order"),
  test: files("test", "Trace to judge, with labels for the report; may be several"),
  scores: single("scores", "Write {line, score, action} for every test line to this file"),
  report: single("report", "Write a self-contained HTML page with curves, kinds and the worst false alarms"),
  policy: single(
    "policy",
    "Candidate settings: show what they would block, and what of it is new; without traces, on the recent calls of " +
      "the storage directory"
  )
}

interface Input extends ConfigFlags {
  readonly json: boolean
  readonly learn: ReadonlyArray<string>
  readonly test: ReadonlyArray<string>
  readonly scores: Option.Option<string>
  readonly report: Option.Option<string>
  readonly policy: Option.Option<string>
}

/** Unreadable input is exit code 2; a replay that fails on the way is 1. */
const toFailure = (error: ReplayError): BadInput | CheckFailed =>
  error._tag === "ReplayFailed"
    ? new CheckFailed({ message: error.message })
    : new BadInput({ message: error.message })

/** `--learn A B` is what shells make of `--learn *.gz`: the files after the first go to the flag before them. */
export const spreadFiles = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const spread: Array<string> = []
  let flag: string | undefined
  let given = 0
  for (const arg of args) {
    if (arg.startsWith("-")) {
      flag = arg === "--learn" || arg === "--test" ? arg : undefined
      given = 0
    } else if (flag !== undefined && given++ > 0) {
      spread.push(flag)
    }
    spread.push(arg)
  }
  return spread
}

const refuseMissing = ({ learn, policy, report, scores, test }: Input): Effect.Effect<boolean, BadInput> =>
  Effect.suspend(() => {
    const usage = "a replay needs --learn FILE and --test FILE"
    if (learn.length === 0 && test.length === 0) {
      if (Option.isNone(policy)) {
        return Effect.fail(new BadInput({ message: `--learn and --test are missing: ${usage}` }))
      }
      return Option.isSome(scores) || Option.isSome(report)
        ? Effect.fail(new BadInput({ message: `--scores and --report need a trace: ${usage}` }))
        : Effect.succeed(true)
    }
    if (learn.length === 0) return Effect.fail(new BadInput({ message: `--learn is missing: ${usage}` }))
    return test.length === 0
      ? Effect.fail(new BadInput({ message: `--test is missing: ${usage}` }))
      : Effect.succeed(false)
  })

const requestOf = (input: Input): ReplayRequest => ({
  learn: input.learn,
  test: input.test,
  config: configOptions(input),
  scores: Option.getOrUndefined(input.scores),
  report: Option.getOrUndefined(input.report),
  progress: input.json ? () => Effect.void : Output.progress
})

/** `pic replay`. */
export const command = Command.make(
  "replay",
  flags,
  Effect.fnUntraced(function*(input) {
    const isLocal = yield* refuseMissing(input)
    const current = yield* loadConfig(input)
    if (Option.isNone(input.policy)) {
      const replay = yield* load.replay
      const report = yield* Effect.mapError(Effect.scoped(replay.run(requestOf(input))), toFailure)
      return yield* Output.result(input.json, report, () => ReplayText.render(report))
    }
    const policy = input.policy.value
    const candidates = yield* load.candidate
    const candidate = yield* Effect.mapError(
      candidates.load(policy, current, configOptions(input)),
      (message) => new BadInput({ message })
    )
    const notes = candidates.notesOn(candidate, policy)
    if (isLocal) {
      const local = yield* load.local
      const report = yield* local.run(input, current.settings, candidate, notes)
      return yield* Output.result(input.json, report, () => PolicyText.render(report, "recent decisions"))
    }
    const contrast = yield* load.contrast
    const report = yield* Effect.mapError(
      Effect.scoped(contrast.run(requestOf(input), candidate, notes)),
      toFailure
    )
    yield* Output.result(input.json, report, () => PolicyText.renderReplayed(report))
  })
).pipe(
  Command.withDescription("Run trace files through the whole pipeline and report detection figures"),
  Command.withExamples([
    {
      command: "pic replay --learn normal.ndjson.gz --test labelled.ndjson.gz",
      description: "Learn from one file, judge another"
    },
    {
      command: "pic replay --learn normal.ndjson --test labelled.ndjson --scores scores.ndjson --report report.html",
      description: "The same with all scores and a page to look at"
    },
    {
      command: "pic replay --policy candidate.yaml",
      description: "What a candidate would have blocked of the recent calls here"
    }
  ])
)
