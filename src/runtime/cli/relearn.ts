import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { functionNameLengthMax } from "../../domain/TelemetryEvent.ts"
import { configFlags, jsonFlag } from "./Common.ts"
import { BadInput } from "./Failure.ts"
import { demand, owner, reasonFlag } from "./Operator.ts"
import * as Output from "./Output.ts"

/** `pic relearn`. */
export const relearn = Command.make(
  "relearn",
  {
    ...configFlags,
    json: jsonFlag,
    fn: Argument.String("function").pipe(Argument.withDescription("Name of the function, as pic status shows it")),
    reason: reasonFlag("Why what was learned is no longer true; it goes on record")
  },
  (input) =>
    Effect.gen(function*() {
      if (input.fn === "" || input.fn.length > functionNameLengthMax) {
        return yield* new BadInput({ message: `${input.fn} is no name of a function` })
      }
      const answer = yield* demand(input, { _tag: "Relearn", fn: input.fn, reason: input.reason, owner: owner() })
      yield* Output.result(
        input.json,
        answer,
        () => `${input.fn} learns again: its calls run unjudged until it is ready (see pic status)`
      )
    })
).pipe(
  Command.withDescription("Forget what was learned about one function, which a release has changed: it learns again"),
  Command.withExamples([{
    command: "pic relearn payments.transfer --reason \"release 4.2 adds a currency\"",
    description: "Learn the calls of the new release"
  }])
)
