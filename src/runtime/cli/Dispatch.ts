import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import { quoteMessage } from "../../domain/Printable.ts"
import { exitCodes } from "./Failure.ts"
import * as Output from "./Output.ts"

type Run = (args: ReadonlyArray<string>) => Effect.Effect<void, unknown, Command.Environment>

const description = "effect-pic: verdicts before every call, evidence behind every block"

/** The version of this package. */
export const version = (): string => {
  const manifest: unknown = JSON.parse(Fs.readFileSync(new URL("../../../package.json", import.meta.url), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown"
}

const rooted = <Name extends string, Input, Context, E>(
  command: Command.Command<Name, Input, Context, E, Command.Environment>
): Run =>
  Command.runWith(
    Command.make("pic").pipe(Command.withDescription(description), Command.withSubcommands([command])),
    { version: version() }
  )

interface Entry {
  readonly description: string
  readonly load: () => Promise<Run>
}

/** The commands, each loaded only when it is asked for: `pic config check` must not pay for the demo's HTTP server. */
const commands: Readonly<Record<string, Entry>> = {
  allow: {
    description: "Allow what a decision blocked, as narrowly as possible and for a time",
    load: async () => rooted((await import("./exceptions.ts")).allow)
  },
  audit: {
    description: "Verify, follow and export the evidence",
    load: async () => rooted((await import("./audit.ts")).command)
  },
  config: {
    description: "Validate or show the configuration",
    load: async () => rooted((await import("./config.ts")).command)
  },
  demo: {
    description: "Protect a small real service, learn, and meet real attacks",
    load: async () => rooted((await import("./demo.ts")).command)
  },
  doctor: {
    description: "Send canaries through every hop of the running process",
    load: async () => rooted((await import("./doctor.ts")).command)
  },
  exceptions: {
    description: "List and revoke the exceptions of the running process",
    load: async () => rooted((await import("./exceptions.ts")).exceptions)
  },
  keys: {
    description: "Manage the keyset file",
    load: async () => rooted((await import("./keys.ts")).command)
  },
  mode: {
    description: "Fail open or closed, in the running process",
    load: async () => rooted((await import("./operate.ts")).mode)
  },
  relearn: {
    description: "Forget what was learned about one function: it learns again",
    load: async () => rooted((await import("./relearn.ts")).relearn)
  },
  replay: {
    description: "Run trace files through the whole pipeline and report detection figures",
    load: async () => {
      const { command, spreadFiles } = await import("./replay.ts")
      const run = rooted(command)
      return (args) => run(spreadFiles(args))
    }
  },
  rollout: {
    description: "Observe or enforce, in the running process",
    load: async () => rooted((await import("./operate.ts")).rollout)
  },
  status: {
    description: "Show health, counts and baselines of the running process",
    load: async () => rooted((await import("./operate.ts")).status)
  }
}

/** All commands by name only, for the help of `pic` itself and for names that do not exist. */
const overview: Run = Command.runWith(
  Command.make("pic").pipe(
    Command.withDescription(description),
    Command.withSubcommands(
      Object.entries(commands).map(([name, entry]) =>
        Command.make(name).pipe(Command.withDescription(entry.description))
      )
    )
  ),
  { version: version() }
)

const select = (args: ReadonlyArray<string>): Effect.Effect<Run> => {
  const name = args.find((arg) => Object.hasOwn(commands, arg))
  const entry = name === undefined ? undefined : commands[name]
  return entry === undefined ? Effect.succeed(overview) : Effect.promise(entry.load)
}

/** Help that was asked for goes to stdout; help that comes with an error goes beside the results. */
const presenter = (formatter: CliOutput.Formatter): CliOutput.Presenter => ({
  present: (event) => {
    switch (event._tag) {
      case "Help": {
        const help = formatter.formatHelpDoc(event.helpDoc)
        return event.reason === "Requested" ? Output.line(help) : Output.note(help)
      }
      case "InvalidInvocation":
        return Output.note(`${formatter.formatErrors(event.errors)}\n\nSee ${event.commandPath.join(" ")} --help`)
      case "Version":
        return Output.line(formatter.formatVersion(event.name, event.version))
    }
  }
})

interface Failed {
  readonly code: number
  readonly message: string
  readonly said: boolean
}

const failureOf = (cause: Cause.Cause<unknown>): Failed => {
  const found = Cause.findError(cause)
  if (Result.isFailure(found)) {
    const defect = Cause.squash(cause)
    const message = `internal error: ${quoteMessage(defect instanceof Error ? defect.message : "unknown")}`
    return { code: exitCodes.checkFailed, message, said: false }
  }
  const error = found.success
  if (CliError.isCliError(error)) {
    if (error._tag !== "ShowHelp") return { code: exitCodes.badInput, message: error.message, said: false }
    const message = error.errors.map((one) => one.message).join("; ") || "a subcommand is missing"
    return { code: exitCodes.badInput, message, said: true }
  }
  const message = typeof error === "object" && error !== null && "message" in error ? String(error.message) : "failed"
  const isBadInput = typeof error === "object" && error !== null && "_tag" in error && error._tag === "BadInput"
  return { code: isBadInput ? exitCodes.badInput : exitCodes.checkFailed, message, said: message === "" }
}

/** With `--json` a failure is the one object on stdout; the message goes to stderr in any case. */
const tell = (args: ReadonlyArray<string>, failed: Failed): Effect.Effect<number> =>
  Effect.gen(function*() {
    if (args.includes("--json") && failed.message !== "") yield* Output.json({ ok: false, error: failed.message })
    if (!failed.said) yield* Output.note(failed.message.split("\n").map((line) => `pic: ${line}`).join("\n"))
    return failed.code
  })

/** Runs the command line and answers with the exit code: 0 fine, 1 the check failed, 2 wrong usage or bad input. */
export const dispatch = (args: ReadonlyArray<string>): Effect.Effect<number, never, Command.Environment> =>
  Effect.flatMap(select(args), (run) => run(args)).pipe(
    Effect.provide(CliOutput.layerPresenter(presenter(CliOutput.defaultFormatter({ colors: false })))),
    Effect.as(exitCodes.fine as number),
    Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause) ? Effect.interrupt : tell(args, failureOf(cause)))
  )
