import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { jsonFlag } from "./Common.ts"
import { BadInput, CheckFailed } from "./Failure.ts"
import * as Output from "./Output.ts"

/** The demo is loaded only when asked for: its HTTP server would slow the start of every other command. */
const load = Effect.promise(async () => {
  const [{ run }, { render }] = await Promise.all([import("../demo/Demo.ts"), import("../demo/DemoReport.ts")])
  return { run, render }
})

/** `pic demo`: a protected shop learns from real requests and meets real attacks. */
export const command = Command.make(
  "demo",
  { json: jsonFlag },
  Effect.fnUntraced(function*({ json }) {
    const { render, run } = yield* load
    const report = yield* Effect.mapError(
      run(!json),
      (error) =>
        error._tag === "DemoDataMissing" || error._tag === "PicConfigError"
          ? new BadInput({ message: error.message })
          : new CheckFailed({ message: error.message })
    )
    yield* Output.result(json, report, () => render(report))
    if (!report.ok) return yield* new CheckFailed({ message: "" })
  })
).pipe(
  Command.withDescription(
    "Protect a small web shop on this machine, learn from real requests, attack it, and check what happened"
  ),
  Command.withExamples([
    { command: "pic demo", description: "Watch every stage and read the table at the end (under a minute)" },
    { command: "pic demo --json", description: "The same as one JSON object, for scripts" }
  ])
)
