import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Data, Effect, Exit, Layer } from "effect"
import { CallBlocked, Monitor } from "effect-pic"
import { PicTest } from "effect-pic/testing"
import { balanced } from "../../src/domain/flow/Accounting.ts"
import { type Overrides, parts } from "../../src/layers/Embedded.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"

/** Property 10: throw anything anywhere in our side; the application's result is what it would have been without us. */

class Refused extends Data.TaggedError("Refused")<{ readonly n: number }> {}

const application = (n: number): Effect.Effect<number, Refused> =>
  n % 3 === 0
    ? Effect.fail(new Refused({ n }))
    : n % 3 === 1
    ? Effect.die(new TypeError(`bug ${n}`))
    : Effect.succeed(n)
const wrapped = Monitor.wrap("application", application, { subject: (n) => `user-${n}` })

/** Methods that a call runs through, by service. Whatever they throw, the application must not see it. */
const sabotaged: { readonly [K in keyof typeof parts]?: ReadonlyArray<string> } = {
  AuditLogger: ["recordUnsafe", "record", "noteAllowUnsafe", "noteLossUnsafe"],
  TelemetryGenerator: ["describeUnsafe", "hashUnsafe"],
  RateLimiter: [
    "checkRateUnsafe",
    "shouldThrottleUnsafe",
    "getAdjustedSamplingRateUnsafe",
    "enterThrottlingModeUnsafe"
  ],
  SamplingController: ["sampleUnsafe", "rateUnsafe", "applySignalUnsafe", "observeLatencyUnsafe", "reduceUnsafe"],
  FailPolicy: ["decideUnsafe", "rememberUnsafe"],
  ErrorRecovery: [
    "handleCommunicationErrorUnsafe",
    "handleSecurityErrorUnsafe",
    "handlePerformanceDegradationUnsafe",
    "handleLogicErrorUnsafe"
  ],
  ReplayGuard: ["acceptUnsafe"],
  SecurityValidator: ["verifyEventUnsafe", "signDecisionUnsafe", "signDecisionsUnsafe", "signAckUnsafe"],
  EventQueue: ["enqueueUnsafe", "utilizationUnsafe", "shouldApplyBackpressureUnsafe"],
  BackpressureController: ["checkAndSignalUnsafe"],
  BaselineProfiler: ["learnUnsafe", "learnOutcomeUnsafe", "modelUnsafe"],
  AnomalyDetector: ["scoreUnsafe"],
  DecisionEngine: ["decideUnsafe", "recallUnsafe", "isEnforcedUnsafe"],
  BrainCore: ["receiveUnsafe", "judgeUnsafe"],
  BrainLink: ["sendUnsafe", "send"],
  SecureTransport: ["signEventUnsafe", "verifyDecisionUnsafe", "signEventsUnsafe", "signOutcomesUnsafe"],
  BrainConnector: ["sendEventUnsafe", "sendEvents", "sendOutcomes"]
}

/** The shipped layer of a service with one method that throws once `arm` was called: the system itself starts well. */
const sabotage = (
  service: keyof typeof parts,
  method: string
): { readonly overrides: Overrides; readonly arm: () => void } => {
  let armed = false
  const layer = parts[service] as Layer.Layer<unknown, never, unknown>
  const broken = Layer.effectContext(Effect.map(Layer.build(layer), (context) => {
    const [key, shape] = [...context.mapUnsafe].find(([key]) => key.endsWith(`/${service}`))!
    const good = (shape as { readonly [method: string]: (...args: Array<unknown>) => unknown })[method]!
    const bad = {
      ...(shape as object),
      [method]: (...args: Array<unknown>) => {
        if (armed) throw new Error(`sabotaged ${service}.${method}`)
        return good(...args)
      }
    }
    return Context.makeUnsafe(new Map([...context.mapUnsafe, [key, bad]]))
  }))
  const overrides = { [service]: broken } as Overrides
  return {
    overrides,
    arm: () => {
      armed = true
    }
  }
}

const behaviour = <E>(exit: Exit.Exit<number, E>): string => {
  if (Exit.isSuccess(exit)) return `success ${exit.value}`
  const error = Cause.squash(exit.cause)
  if (error instanceof CallBlocked) return `blocked ${error.reason._tag}`
  return error instanceof Refused ? `refused ${error.n}` : `died ${String(error)}`
}

const observeAll = (
  options: { readonly mode: "open" | "closed"; readonly rollout: "observe" | "enforce" },
  sabotaged: ReturnType<typeof sabotage>
) =>
  Effect.gen(function*() {
    sabotaged.arm()
    const seen: Array<string> = []
    for (let n = 0; n < 12; n++) seen.push(behaviour(yield* Effect.exit(wrapped(n))))
    const agent = yield* CellAgent
    yield* Effect.exit(agent.flush)
    return { seen, accounting: yield* agent.accounting }
  }).pipe(
    Effect.provide(PicTest.layerWith({
      settings: { cellagent: { fail_mode: options.mode }, rollout: { mode: options.rollout } },
      overrides: sabotaged.overrides
    }))
  )

const without = Effect.forEach(
  Array.from({ length: 12 }, (_, n) => n),
  (n) => Effect.map(Effect.exit(application(n)), behaviour)
)

describe("P10 graceful degradation", () => {
  const cases = Object.entries(sabotaged).flatMap(([service, methods]) =>
    methods.map((method) => [service as keyof typeof parts, method] as const)
  )
  for (const rollout of ["observe", "enforce"] as const) {
    for (const mode of ["open", "closed"] as const) {
      it.live(
        `${rollout}, fail mode ${mode}: whatever throws, the application is as it would be without us`,
        () =>
          Effect.gen(function*() {
            const expected = yield* without
            for (const [service, method] of cases) {
              const { accounting, seen } = yield* observeAll({ mode, rollout }, sabotage(service, method))
              seen.forEach((what, n) => {
                const allowed = mode === "closed" && rollout === "enforce"
                  ? [expected[n], "blocked FailedClosed"]
                  : [expected[n]]
                assert.include(allowed, what, `${service}.${method} throwing, call ${n}`)
              })
              assert.isTrue(balanced(accounting), `${service}.${method}: ${JSON.stringify(accounting)}`)
            }
          }),
        60_000
      )
    }
  }

  it.live("the control: a step without its catch lets the failure through, and the property sees it", () =>
    Effect.gen(function*() {
      const expected = yield* without
      const { seen } = yield* observeAll({ mode: "open", rollout: "enforce" }, sabotage("Monitor", "judgeUnsafe"))
      assert.notDeepEqual(seen, expected)
      assert.include(seen[2], "sabotaged")
    }))
})
