import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { decodeRolloutState, weakeningSecondsMax } from "../../domain/operate/OperatorProtocol.ts"
import { type ConfigFlags, configFlags, jsonFlag, parseSpan } from "./Common.ts"
import { BadInput, CheckFailed } from "./Failure.ts"
import { demand } from "./Operator.ts"
import * as Output from "./Output.ts"

const flags = { ...configFlags, json: jsonFlag }

const forFlag = Flag.String("for").pipe(
  Flag.withMetavar("SPAN"),
  Flag.withDescription("How long a change that weakens the protection lasts (30m, 2h; at most 1d); by default 1h"),
  Flag.optional
)

const seconds = (given: Option.Option<string>): Effect.Effect<{ readonly forSeconds?: number }, BadInput> => {
  if (Option.isNone(given)) return Effect.succeed({})
  const span = parseSpan(given.value)
  return span === undefined || span < 1 || span > weakeningSecondsMax
    ? Effect.fail(new BadInput({ message: `--for ${given.value} is no span; expected 1s to 1d, such as 30m or 2h` }))
    : Effect.succeed({ forSeconds: span })
}

const renderState = (answer: Schema.Json): string => {
  const decoded = decodeRolloutState(answer)
  if (Result.isFailure(decoded)) return Output.toJson(answer)
  const { failMode, mode, origins, percent, weakenings } = decoded.success
  const from = (key: string): string => origins[key] ?? "unknown"
  return [
    mode === "observe" ? "OBSERVING: nothing is blocked" : `ENFORCING for ${percent} % of subjects`,
    `mode from: ${from("rollout.mode")}; percent from: ${from("rollout.percent")}`,
    `fail mode: ${failMode}, from: ${from("cellagent.fail_mode")}`,
    ...weakenings.map(({ returnsTo, until, what }) => `${what} returns to ${returnsTo} at ${Output.time(until)}`)
  ].join("\n")
}

const show = (input: ConfigFlags & { readonly json: boolean }, answer: Schema.Json): Effect.Effect<void> =>
  Output.result(input.json, answer, () => renderState(answer))

const rolloutSet = Command.make(
  "set",
  {
    ...flags,
    mode: Flag.Literals("mode", ["observe", "enforce"]).pipe(
      Flag.withDescription("Record only, or block"),
      Flag.optional
    ),
    percent: Flag.Finite("percent").pipe(
      Flag.filter((share) => share >= 0 && share <= 100, (share) => `a number from 0 to 100, not ${share}`),
      Flag.withDescription("Share of subjects for which verdicts are enforced"),
      Flag.optional
    ),
    for: forFlag
  },
  (input) =>
    Effect.gen(function*() {
      if (Option.isNone(input.mode) && Option.isNone(input.percent)) {
        return yield* new BadInput({ message: "nothing to set: give --mode, --percent, or both" })
      }
      const answer = yield* demand(input, {
        _tag: "RolloutSet",
        ...(Option.isSome(input.mode) ? { mode: input.mode.value } : {}),
        ...(Option.isSome(input.percent) ? { percent: input.percent.value } : {}),
        ...(yield* seconds(input.for))
      })
      yield* show(input, answer)
    })
).pipe(
  Command.withDescription("Change the rollout of the running process; it applies to the next call"),
  Command.withExamples([{
    command: "pic rollout set --mode enforce --percent 10",
    description: "Enforce for a tenth of the subjects"
  }])
)

const rolloutStatus = Command.make(
  "status",
  flags,
  (input) => Effect.flatMap(demand(input, { _tag: "RolloutStatus" }), (answer) => show(input, answer))
).pipe(Command.withDescription("Show the rollout in force and what returns by itself"))

/** `pic rollout`. */
export const rollout = Command.make("rollout").pipe(
  Command.withDescription("Observe or enforce, in the running process"),
  Command.withSubcommands([rolloutSet, rolloutStatus])
)

const modeSet = Command.make(
  "set",
  {
    ...flags,
    mode: Argument.Literals("mode", ["open", "closed"]).pipe(
      Argument.withDescription("What happens to an enforced call when no verdict can be had")
    ),
    for: forFlag
  },
  (input) =>
    Effect.gen(function*() {
      const answer = yield* demand(input, { _tag: "ModeSet", failMode: input.mode, ...(yield* seconds(input.for)) })
      yield* show(input, answer)
    })
).pipe(Command.withDescription("Change the fail mode of the running process; it applies to the next call"))

/** `pic mode`. */
export const mode = Command.make("mode").pipe(
  Command.withDescription("Fail open or closed, in the running process"),
  Command.withSubcommands([modeSet])
)

const field = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null ? (inner as Readonly<Record<string, unknown>>)[name] : undefined,
    value
  )

/** Three digits are what a reader can use; counts stay whole. */
const short = (content: unknown): string => {
  if (typeof content === "number") return String(Number.isInteger(content) ? content : Number(content.toPrecision(3)))
  return typeof content === "object" ? JSON.stringify(content) : String(content)
}

const cell = (name: string, content: unknown): string =>
  name === "anomalous" && typeof content === "number" ? `${short(100 * content)} %` : String(content ?? "")

const renderStatus = (answer: Schema.Json): string => {
  const pairs = (value: unknown): string =>
    typeof value === "object" && value !== null
      ? Object.entries(value).map(([name, content]) => `${name} ${short(content)}`).join(", ")
      : "-"
  const profiles = field(answer, "profiles")
  const rows = Array.isArray(profiles)
    ? profiles.map((one) =>
      ["fn", "state", "learned", "anomalous", "needed"].map((name) => cell(name, field(one, name)))
    )
    : []
  return [
    String(field(answer, "health", "line") ?? "health unknown"),
    `calls: ${pairs(field(answer, "accounting"))}`,
    `latency in ms: ${pairs(field(answer, "stats", "decisionLatencyMs"))}`,
    `brain: ${pairs(field(answer, "brain"))}`,
    ...(rows.length > 0 ? ["", Output.table(["FUNCTION", "BASELINE", "LEARNED", "ANOMALOUS", "NEEDED"], rows)] : [])
  ].join("\n")
}

/** `pic status`. */
export const status = Command.make("status", flags, (input) =>
  Effect.gen(function*() {
    const answer = yield* demand(input, { _tag: "Status" })
    yield* Output.result(input.json, answer, () => renderStatus(answer))
    if (field(answer, "health", "state") === "not_protecting") return yield* new CheckFailed({ message: "" })
  })).pipe(
    Command.withDescription(
      "Show health, counts and baselines of the running process. Exit code 1 where it is not protecting."
    )
  )
