import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Process from "node:process"

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object instead of progress and table"),
  Flag.withDefault(false)
)

/**
 * `pic demo`: a protected shop learns from real requests and meets real attacks. Exits 1 where a stage did not do what
 * it should. The demo is loaded only when asked for, since its HTTP server would slow every other command's start.
 */
export const demo = Command.make(
  "demo",
  { json },
  Effect.fnUntraced(function*({ json }) {
    const { render, run } = yield* Effect.promise(async () => {
      const [{ run }, { render }] = await Promise.all([import("../demo/Demo.ts"), import("../demo/DemoReport.ts")])
      return { run, render }
    })
    const report = yield* run(!json)
    yield* Console.log(json ? JSON.stringify(report) : render(report))
    if (!report.ok) Process.exitCode = 1
  })
).pipe(
  Command.withDescription(
    "Protect a small web shop on this machine, learn from real requests, attack it, and check what happened (under a minute)"
  ),
  Command.withExamples([
    { command: "pic demo", description: "Watch every stage and read the table at the end" },
    { command: "pic demo --json", description: "The same as one JSON object, for scripts" }
  ])
)
