import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { canaryFunction, type Hop } from "../../domain/operate/DoctorReport.ts"
import { escapeLine, excerpt } from "../../domain/Printable.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import type { CallSite } from "../../services/CellAgent.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { TelemetryGenerator } from "../../services/TelemetryGenerator.ts"

/** How long one hop may take: far above any healthy one, so that only a hop that never answers is given up. */
export const hopTimeout = "5 seconds"

/** One proof of one service. `run` answers with what is wrong, or with `undefined`. */
export interface Probe<R> {
  readonly service: string
  readonly proof: string
  readonly run: Effect.Effect<string | undefined, unknown, R>
}

/** A probe of a service, in words that an operator reads. */
export const probe = <R>(
  service: string,
  proof: string,
  run: Effect.Effect<string | undefined, unknown, R>
): Probe<R> => ({ service, proof, run })

/** What is wrong unless a condition holds. */
export const unless = (condition: boolean, problem: string): string | undefined => condition ? undefined : problem

/** The first of several problems. */
export const firstOf = (...problems: ReadonlyArray<string | undefined>): string | undefined =>
  problems.find((problem) => problem !== undefined)

const inWords = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const text = error instanceof Error ? error.message : typeof error === "string" ? error : "it failed"
  return excerpt(escapeLine(text), 200)
}

/** Runs a probe and times it; a failure or a defect of the service is what is wrong with it. */
export const runProbe = <R>({ proof, run, service }: Probe<R>): Effect.Effect<Hop, never, R> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const start = clock.monotonicTimeNanosUnsafe()
    const problem = yield* run.pipe(
      Effect.timeoutOrElse({ duration: hopTimeout, orElse: () => Effect.succeed(`no answer within ${hopTimeout}`) }),
      Effect.catchCause((cause) => Effect.succeed(`failed: ${inWords(cause)}`))
    )
    const latencyUs = Math.round(Number(clock.monotonicTimeNanosUnsafe() - start) / 100) / 10
    return { service, proof, ok: problem === undefined, latencyUs, detail: problem ?? "" }
  })

/** The wrapped function that a canary pretends to be. */
export const canarySite: CallSite = {
  fn: canaryFunction,
  arity: 2,
  priority: "low",
  failMode: undefined,
  redact: undefined,
  subject: undefined
}

/** Arguments of an ordinary canary. */
export const canaryArguments = (n: number): ReadonlyArray<unknown> => [`order-${1000 + n % 9000}`, 1 + n % 5]

/** Arguments that no ordinary canary has. */
export const attackArguments: ReadonlyArray<unknown> = [
  "1' UNION SELECT password FROM users; -- <script>",
  -9_999_999_999
]

/** An event of a canary: a fresh id and the description of its arguments. */
export const canaryEvent = (
  args: ReadonlyArray<unknown>,
  timestamp?: number
): Effect.Effect<TelemetryEvent, never, PicConfig | PicClock | CryptoCore | TelemetryGenerator> =>
  Effect.gen(function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const crypto = yield* CryptoCore
    const telemetry = yield* TelemetryGenerator
    return {
      id: `doctor-${Buffer.from(crypto.randomBytesUnsafe(12)).toString("hex")}`,
      agentId: config.settingsUnsafe().cellagent.agent_id,
      fn: canaryFunction,
      session: "",
      subjectHash: "",
      timestamp: timestamp ?? clock.nowUnsafe(),
      priority: "low",
      samplingProbability: 1,
      features: telemetry.describeUnsafe(args, undefined)
    }
  })
