import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Os from "node:os"
import { ownerLengthMax, reasonLengthMax } from "../../domain/decide/Exceptions.ts"
import type { OperatorCommand } from "../../domain/operate/OperatorProtocol.ts"
import * as OperatorClient from "../operator/OperatorClient.ts"
import { socketPath } from "../operator/OperatorSocket.ts"
import { type ConfigFlags, exists, loadConfig } from "./Common.ts"
import { type BadInput, CheckFailed } from "./Failure.ts"
import * as Keyset from "./Keyset.ts"

/** The answer of the running process, or `undefined` where none runs on this storage directory. */
export const ask = (
  flags: ConfigFlags,
  command: OperatorCommand
): Effect.Effect<Schema.Json | undefined, BadInput | CheckFailed> =>
  Effect.gen(function*() {
    const { settings } = yield* loadConfig(flags)
    const path = socketPath(settings.storage.directory)
    // Without a socket nothing is asked, and above all no keyset is made.
    if (path === undefined || !exists(path)) return undefined
    yield* Keyset.source(settings)
    const answer = yield* Effect.result(OperatorClient.call(path, command)).pipe(Effect.provide(Keyset.layer(flags)))
    if (Result.isSuccess(answer)) return answer.success
    if (answer.failure.reason._tag === "NotRunning") return undefined
    return yield* new CheckFailed({ message: answer.failure.message })
  })

/** The answer of the running process; it is an error where none runs. */
export const demand = (
  flags: ConfigFlags,
  command: OperatorCommand
): Effect.Effect<Schema.Json, BadInput | CheckFailed> =>
  Effect.flatMap(ask(flags, command), (answer) =>
    answer === undefined
      ? Effect.fail(
        new CheckFailed({ message: "no protected process runs on this storage directory (see --storage, --config)" })
      )
      : Effect.succeed(answer))

/** Who gives the command: the user of the operating system, by number where there is no name. */
export const owner = (): string => {
  try {
    return Os.userInfo().username.slice(0, ownerLengthMax) || "unknown"
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`
  }
}

/** `--reason`, where a command weakens the protection: required, and not empty. */
export const reasonFlag = (description: string) =>
  Flag.String("reason").pipe(
    Flag.filter(
      (reason) => reason.trim() !== "" && reason.length <= reasonLengthMax,
      () => `1 to ${reasonLengthMax} characters`
    ),
    Flag.withDescription(description)
  )
