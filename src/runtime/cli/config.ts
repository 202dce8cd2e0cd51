import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { escapeLine } from "../../domain/Printable.ts"
import { settings as known } from "../../domain/SettingKeys.ts"
import { valueOf } from "../../domain/SettingsDecode.ts"
import * as PicConfig from "../../layers/config/PicConfig.ts"
import { configFlags, configOptions, jsonFlag, loadConfig } from "./Common.ts"
import { BadInput } from "./Failure.ts"
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

const show = Command.make("show", flags, (input) =>
  Effect.gen(function*() {
    const { origins, settings } = yield* loadConfig(input)
    const rows = [...known.values()].map(({ key }) => ({
      key,
      value: valueOf(settings, key),
      origin: origins.get(key) ?? "default"
    }))
    yield* Output.result(
      input.json,
      { settings, origins: Object.fromEntries(origins) },
      () =>
        Output.table(
          ["KEY", "VALUE", "FROM"],
          rows.map(({ key, origin, value }) => [key, escapeLine(String(value)), origin])
        )
    )
  })).pipe(Command.withDescription("Show every effective value and where it came from"))

/** `pic config`. */
export const command = Command.make("config").pipe(
  Command.withDescription("Validate or show the configuration"),
  Command.withSubcommands([check, show])
)
