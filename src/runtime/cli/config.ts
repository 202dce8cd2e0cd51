import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type ConfigState, decodeConfigState } from "../../domain/operate/OperatorProtocol.ts"
import { escapeLine } from "../../domain/Printable.ts"
import { settings as known } from "../../domain/settings/SettingKeys.ts"
import { valueOf, withValues } from "../../domain/settings/SettingsDecode.ts"
import * as PicConfig from "../../layers/config/PicConfig.ts"
import { type ConfigFlags, configFlags, configOptions, jsonFlag, loadConfig } from "./Common.ts"
import { BadInput } from "./Failure.ts"
import { ask } from "./Operator.ts"
import * as Output from "./Output.ts"

const flags = { ...configFlags, json: jsonFlag }

const check = Command.make("check", flags, (input) =>
  Effect.gen(function*() {
    const loaded = yield* Effect.result(PicConfig.load(configOptions(input)))
    if (loaded._tag === "Failure") {
      const problems = loaded.failure.map((problem) => ({ ...problem.reason, message: problem.message }))
      if (input.json) {
        yield* Output.json({ ok: false, problems })
        return yield* new BadInput({ message: "" })
      }
      return yield* new BadInput({ message: problems.map((problem) => problem.message).join("\n") })
    }
    const given = [...loaded.success.origins].filter(([, origin]) => origin !== "default")
    yield* Output.result(input.json, { ok: true, problems: [], given: given.length }, () =>
      `The configuration is valid: ${given.length} values given, ${known.size - given.length} by default.`)
  })).pipe(
    Command.withDescription("Validate files and environment; print every problem. Exit code 2 where there is one."),
    Command.withExamples([{ command: "pic config check -c cellagent.yaml", description: "Check one file" }])
  )

/** The settings of the process that runs on the storage directory; where it cannot be asked, the files are shown. */
const ofRunning = (input: ConfigFlags): Effect.Effect<ConfigState | undefined> =>
  ask(input, { _tag: "Config" }).pipe(
    Effect.map((answer) =>
      answer === undefined ? undefined : Result.getOrElse(decodeConfigState(answer), () => undefined)
    ),
    Effect.catch((error) =>
      Effect.as(Output.note(`pic: the running process was not asked: ${error.message}`), undefined)
    )
  )

/** The loaded configuration with the values that the process runs with. */
const overlay = (loaded: PicConfig.Loaded, { origins, values }: ConfigState) => ({
  settings: withValues(
    loaded.settings,
    new Map([...known.values()].flatMap(({ key }) => key in values ? [[key, values[key]] as const] : []))
  ),
  origins: new Map([...loaded.origins, ...Object.entries(origins)])
})

const show = Command.make("show", flags, (input) =>
  Effect.gen(function*() {
    const loaded = yield* loadConfig(input)
    const running = yield* ofRunning(input)
    const { origins, settings } = running === undefined ? loaded : overlay(loaded, running)
    const rows = [...known.values()].map(({ key }) => ({
      key,
      value: valueOf(settings, key),
      origin: origins.get(key) ?? "default"
    }))
    yield* Output.result(
      input.json,
      { settings, origins: Object.fromEntries(origins), ...(running === undefined ? {} : { pid: running.pid }) },
      () =>
        Output.table(
          ["KEY", "VALUE", "FROM"],
          rows.map(({ key, origin, value }) => [key, escapeLine(String(value)), origin])
        )
    )
  })).pipe(
    Command.withDescription(
      "Show every effective value and where it came from; of a running process, those that it runs with"
    )
  )

/** `pic config`. */
export const command = Command.make("config").pipe(
  Command.withDescription("Validate or show the configuration"),
  Command.withSubcommands([check, show])
)
