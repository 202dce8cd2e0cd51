import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { exceptionSecondsMax } from "../../domain/decide/Exceptions.ts"
import { decodeExceptionInfo, decodeExceptionList, type ExceptionInfo } from "../../domain/operate/OperatorProtocol.ts"
import { configFlags, jsonFlag, parseSpan } from "./Common.ts"
import { BadInput } from "./Failure.ts"
import { demand, owner, reasonFlag } from "./Operator.ts"
import * as Output from "./Output.ts"

const flags = { ...configFlags, json: jsonFlag }
const daysMax = exceptionSecondsMax / 86_400

const seconds = (given: Option.Option<string>): Effect.Effect<{ readonly forSeconds?: number }, BadInput> => {
  if (Option.isNone(given)) return Effect.succeed({})
  const span = parseSpan(given.value)
  return span === undefined || span < 1 || span > exceptionSecondsMax
    ? Effect.fail(
      new BadInput({ message: `--for ${given.value} is no span; expected 1s to ${daysMax}d, such as 12h or 14d` })
    )
    : Effect.succeed({ forSeconds: span })
}

const one = ({ covers, fn, hits, id, until }: ExceptionInfo): string =>
  [`exception ${id}: ${fn}, until ${Output.time(until)}, ${hits} hits`, `covers ${covers}`].join("\n")

const renderOne = (answer: Schema.Json): string => {
  const decoded = decodeExceptionInfo(answer)
  return Result.isSuccess(decoded) ? one(decoded.success) : Output.toJson(answer)
}

const renderList = (answer: Schema.Json): string => {
  const decoded = decodeExceptionList(answer)
  if (Result.isFailure(decoded)) return Output.toJson(answer)
  if (decoded.success.length === 0) return "no exceptions"
  return Output.table(
    ["ID", "FUNCTION", "UNTIL", "HITS", "OWNER", "REASON", "COVERS"],
    decoded.success.map(({ covers, fn, hits, id, owner: by, reason, until }) => [
      id,
      fn,
      Output.time(until),
      String(hits),
      by,
      reason,
      covers
    ])
  )
}

/** `pic allow`. */
export const allow = Command.make(
  "allow",
  {
    ...flags,
    decisionId: Argument.String("decision").pipe(
      Argument.withDescription("Id of a recent decision, as a blocked call or the audit log names it")
    ),
    for: Flag.String("for").pipe(
      Flag.withMetavar("SPAN"),
      Flag.withDescription(`How long (12h, 14d; at most ${daysMax}d); by default 7d`),
      Flag.optional
    ),
    reason: reasonFlag("Why this is no attack; it goes on record")
  },
  (input) =>
    Effect.gen(function*() {
      if (input.decisionId === "" || input.decisionId.length > 64) {
        return yield* new BadInput({ message: `${input.decisionId} is no id of a decision` })
      }
      const answer = yield* demand(input, {
        _tag: "Allow",
        decisionId: input.decisionId,
        reason: input.reason,
        owner: owner(),
        ...(yield* seconds(input.for))
      })
      yield* Output.result(input.json, answer, () => renderOne(answer))
    })
).pipe(
  Command.withDescription(
    "Make the narrowest exception that lets through what a decision blocked: same function, argument and pattern"
  ),
  Command.withExamples([{
    command: "pic allow d-1f2e3d4c5b6a-7 --for 14d --reason \"import of the old customers\"",
    description: "Allow it for two weeks"
  }])
)

const list = Command.make("list", flags, (input) =>
  Effect.gen(function*() {
    const answer = yield* demand(input, { _tag: "ExceptionsList" })
    yield* Output.result(input.json, answer, () => renderList(answer))
  })).pipe(Command.withDescription("Show what is allowed by exception, until when, and how often it was used"))

const revoke = Command.make(
  "revoke",
  { ...flags, id: Argument.String("id").pipe(Argument.withDescription("Id of the exception")) },
  (input) =>
    Effect.gen(function*() {
      if (input.id === "" || input.id.length > 64) {
        return yield* new BadInput({ message: `${input.id} is no id of an exception` })
      }
      const answer = yield* demand(input, { _tag: "ExceptionRevoke", id: input.id, owner: owner() })
      yield* Output.result(input.json, answer, () => `revoked ${renderOne(answer)}`)
    })
).pipe(Command.withDescription("End an exception at once"))

/** `pic exceptions`. */
export const exceptions = Command.make("exceptions").pipe(
  Command.withDescription("What is allowed by exception, in the running process"),
  Command.withSubcommands([list, revoke])
)
