import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DoctorReport } from "../../domain/operate/DoctorReport.ts"
import * as Doctor from "../Doctor.ts"
import * as Pic from "../Pic.ts"
import { type ConfigFlags, configFlags, configOptions, jsonFlag } from "./Common.ts"
import { BadInput, CheckFailed } from "./Failure.ts"
import { ask } from "./Operator.ts"
import * as Output from "./Output.ts"

const decode = Schema.decodeUnknownResult(DoctorReport)

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-doctor-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** An embedded instance with the given configuration, but a directory of its own: the real state is not touched. */
const embedded = (flags: ConfigFlags): Effect.Effect<DoctorReport, BadInput> =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const options = configOptions(flags)
    const settings = { storage: { directory }, crypto: { keyset_path: "" }, audit: { head_path: "" } }
    return yield* Doctor.run({ thorough: true }).pipe(
      Effect.provide(Pic.layerWith({ ...options, settings })),
      Effect.mapError((error) => new BadInput({ message: error.message }))
    )
  }).pipe(Effect.scoped)

const render = (report: DoctorReport, where: string): string =>
  [
    where,
    Output.table(
      ["", "SERVICE", "PROOF", "µs"],
      report.hops.map((hop) => [
        hop.ok ? "ok" : "BROKEN",
        hop.service,
        hop.ok ? hop.proof : `${hop.proof}: ${hop.detail}`,
        hop.latencyUs.toFixed(1)
      ])
    ),
    "",
    report.health,
    report.ok
      ? "Every hop did its work."
      : `BROKEN: ${report.broken.length > 0 ? report.broken.join(", ") : "the system is not protecting"}`
  ].join("\n")

/** `pic doctor`. */
export const command = Command.make("doctor", { ...configFlags, json: jsonFlag }, (input) =>
  Effect.gen(function*() {
    const answer = yield* ask(input, { _tag: "Doctor" })
    const running = answer !== undefined
    const decoded = running ? decode(answer) : Result.succeed(yield* embedded(input))
    if (Result.isFailure(decoded)) {
      return yield* new CheckFailed({
        message: "the running process answered in words that this version does not know"
      })
    }
    const report = decoded.success
    const where = running
      ? "Canaries through the running process:"
      : "No process runs here; canaries through an instance with this configuration and a directory of its own:"
    yield* Output.result(input.json, { ...report, running }, () => render(report, where))
    if (!report.ok) return yield* new CheckFailed({ message: "" })
  })).pipe(
    Command.withDescription(
      "Send canaries through every hop and time each. Exit code 1 where a hop is broken or nothing is protected."
    )
  )
