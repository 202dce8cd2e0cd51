import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import type { Decision } from "../../src/domain/Decision.ts"
import { type FailMode, FailureClass } from "../../src/domain/FailureClass.ts"
import * as FailTable from "../../src/domain/decide/FailTable.ts"
import * as BrainConnector from "../../src/layers/agent/BrainConnector.ts"
import * as ErrorRecovery from "../../src/layers/agent/ErrorRecovery.ts"
import * as FailPolicy from "../../src/layers/agent/FailPolicy.ts"
import * as RateLimiter from "../../src/layers/agent/RateLimiter.ts"
import * as SamplingController from "../../src/layers/agent/SamplingController.ts"
import { BrainConnector as Connector } from "../../src/services/BrainConnector.ts"
import {
  BrainLinkError,
  LinkOverloaded,
  LinkPartitioned,
  LinkRefused,
  LinkRejected
} from "../../src/services/BrainLink.ts"
import { FailPolicy as Policy } from "../../src/services/FailPolicy.ts"
import {
  allowAll,
  cryptoLayer,
  makeConfig,
  makeEvent,
  makeLink,
  makeTransport,
  makeWitness,
  observability
} from "../support/Flow.ts"

const modes: ReadonlyArray<FailMode> = ["open", "closed"]
const classes = FailureClass.literals

/** P3 as a check of a whole table: exactly the documented decision in every cell. */
const wrongCells = (lookup: typeof FailTable.lookup): ReadonlyArray<string> =>
  classes.flatMap((failure) =>
    modes.flatMap((mode) =>
      [true, false].flatMap((enforced) => {
        const { action, reason, source } = lookup(failure, mode, enforced)
        const expected = !enforced
          ? ["allow", "observe"]
          : mode === "open"
          ? ["allow", "fail_open"]
          : ["block", "fail_closed"]
        const right = action === expected[0] && source === expected[1] && reason.startsWith(`${failure}: `) &&
          reason.length <= 256
        return right ? [] : [`${failure} ${mode} ${enforced}`]
      })
    )
  )

const stack = (options: {
  readonly config: ReturnType<typeof makeConfig>
  readonly link: ReturnType<typeof makeLink>
  readonly witness: ReturnType<typeof makeWitness>
}) =>
  BrainConnector.layer.pipe(
    Layer.provide(ErrorRecovery.layer),
    Layer.provideMerge(FailPolicy.layer),
    Layer.provide(SamplingController.layer),
    Layer.provide(RateLimiter.layer),
    Layer.provide(
      Layer.mergeAll(options.link.layer, makeTransport(), options.config.layer, cryptoLayer, options.witness.layer)
    ),
    Layer.provideMerge(observability),
    Layer.provide(options.config.layer)
  )

type Answer = Parameters<typeof makeLink>[1]
const failing = (reason: BrainLinkError["reason"]): Answer => () => Effect.fail(new BrainLinkError({ reason }))

/** One way to bring about each failure class from outside. */
const causes: ReadonlyArray<readonly [FailureClass, Answer]> = [
  ["Timeout", () => Effect.never],
  ["Refused", failing(new LinkRefused({ detail: "x" }))],
  ["Partition", failing(new LinkPartitioned({ detail: "x" }))],
  ["Overload", failing(new LinkOverloaded({ detail: "x" }))],
  ["Stale", failing(new LinkRejected({ detail: "x" }))],
  ["Stale", (frame) => allowAll(frame, { stale: true })],
  ["BadSignature", (frame) => allowAll(frame, { forged: true })],
  ["BadSignature", (frame) => allowAll(frame, { nonce: -1 })],
  ["Defect", () => {
    throw new TypeError("planted")
  }],
  ["Defect", () => Effect.die(new TypeError("planted"))],
  ["Unknown", () => Effect.interrupt]
]

describe("P3 fail-safe", () => {
  it("the table gives every failure class, mode and enforcement exactly its decision", () => {
    assert.deepStrictEqual(wrongCells(FailTable.lookup), [])
    assert.strictEqual(classes.length, 9)
  })

  it("control: one wrong cell is found", () => {
    const planted: typeof FailTable.lookup = (failure, mode, enforced) =>
      FailTable.lookup(failure, failure === "BadSignature" ? "open" : mode, enforced)
    assert.deepStrictEqual(wrongCells(planted), ["BadSignature closed true"])
  })

  for (const kind of ["in-process", "unix-socket"]) {
    for (const [index, [failure, answer]] of causes.entries()) {
      for (const mode of modes) {
        for (const enforced of [true, false]) {
          const name = `${failure} (${index}), ${kind} link, mode ${mode}, ${
            enforced ? "enforced" : "observed"
          }: the table's decision`
          it.effect(name, () => {
            const config = makeConfig({ cellagent: { fail_mode: mode } })
            const program = Effect.gen(function*() {
              const connector = yield* Connector
              const event = makeEvent("e")
              const fiber = yield* Effect.forkChild(connector.sendEvent(event, { enforced, failMode: undefined }))
              yield* TestClock.adjust(200 + BrainConnector.evidenceSlackMs)
              const expected = { ...FailTable.lookup(failure, mode, enforced), eventId: event.id, wouldBlock: false }
              assert.deepInclude(yield* Fiber.join(fiber), expected)
            })
            return Effect.provide(program, stack({ config, link: makeLink(kind, answer), witness: makeWitness() }))
          })
        }
      }
    }
  }

  it.effect("an open breaker ends in the table's decision and sends nothing", () => {
    const config = makeConfig({ cellagent: { fail_mode: "closed" } })
    const link = makeLink("in-process", failing(new LinkRefused({ detail: "x" })))
    const program = Effect.gen(function*() {
      const connector = yield* Connector
      const policy = { enforced: true, failMode: undefined }
      for (let i = 0; i < 5; i++) yield* connector.sendEvent(makeEvent(`e${i}`), policy)
      const before = link.sent.length
      const decision = yield* connector.sendEvent(makeEvent("late"), policy)
      assert.deepInclude(decision, FailTable.lookup("BreakerOpen", "closed", true))
      assert.strictEqual(link.sent.length, before)
      assert.isFalse(Effect.isEffect(connector.sendEventUnsafe(makeEvent("later"), policy)))
    })
    return Effect.provide(program, stack({ config, link, witness: makeWitness() }))
  })

  it.effect("the function's own mode wins, and a change of mode applies to the next call", () => {
    const config = makeConfig()
    const program = Effect.gen(function*() {
      const policy = yield* Policy
      const decide = (failMode: FailMode | undefined) =>
        policy.decideUnsafe("Refused", makeEvent("e"), { enforced: true, failMode }).action
      assert.strictEqual(decide(undefined), "allow")
      assert.strictEqual(decide("closed"), "block")
      config.set({ cellagent: { fail_mode: "closed" } })
      assert.strictEqual(decide(undefined), "block")
      assert.strictEqual(decide("open"), "allow")
      config.set({ cellagent: { fail_mode: "open" } })
      assert.strictEqual(decide(undefined), "allow")
    })
    return Effect.provide(program, stack({ config, link: makeLink("in-process", allowAll), witness: makeWitness() }))
  })

  it.effect("a throw inside the policy does not open a closed mode", () => {
    const config = makeConfig({ cellagent: { fail_mode: "closed", fail_open_budget: 1 } })
    const program = Effect.gen(function*() {
      const policy = yield* Policy
      const hostile = {
        ...makeEvent("e"),
        get fn(): string {
          throw new Error("planted")
        }
      }
      config.set({ cellagent: { fail_mode: "open", fail_open_budget: 1 } })
      const first = policy.decideUnsafe("Timeout", hostile, { enforced: true, failMode: "closed" })
      assert.strictEqual(first.action, "block")
      policy.decideUnsafe("Timeout", makeEvent("e"), { enforced: true, failMode: undefined })
      // Over budget now, so the function's name is read, which throws.
      const thrown = policy.decideUnsafe("Timeout", hostile, { enforced: true, failMode: undefined })
      assert.deepInclude(thrown, FailTable.lookup("Defect", "open", true))
    })
    return Effect.provide(program, stack({ config, link: makeLink("in-process", allowAll), witness: makeWitness() }))
  })

  it.effect("the connector survives a recovery and a policy that throw, still closed", () => {
    const config = makeConfig({ cellagent: { fail_mode: "closed" } })
    const planted = (): never => {
      throw new Error("planted")
    }
    const broken = Layer.mergeAll(
      Layer.mock(Policy)({ decideUnsafe: planted, rememberUnsafe: planted }),
      ErrorRecovery.layer.pipe(Layer.provide(Layer.mock(Policy)({ decideUnsafe: planted, rememberUnsafe: planted })))
    )
    const layer = BrainConnector.layer.pipe(
      Layer.provide(broken),
      Layer.provide(SamplingController.layer),
      Layer.provide(RateLimiter.layer),
      Layer.provide(Layer.mergeAll(
        makeLink("in-process", allowAll).layer,
        makeTransport(),
        config.layer,
        cryptoLayer,
        makeWitness().layer
      )),
      Layer.provideMerge(observability),
      Layer.provide(config.layer)
    )
    const program = Effect.gen(function*() {
      const connector = yield* Connector
      const decisions: ReadonlyArray<Decision> = [
        yield* connector.sendEvent(makeEvent("a"), { enforced: true, failMode: undefined }),
        yield* connector.sendEvent(makeEvent("b"), { enforced: true, failMode: "open" }),
        yield* connector.sendEvent(makeEvent("c"), { enforced: false, failMode: undefined })
      ]
      assert.deepStrictEqual(decisions.map((d) => [d.action, d.source]), [
        ["block", "fail_closed"],
        ["allow", "fail_open"],
        ["allow", "observe"]
      ])
    })
    return Effect.provide(program, layer)
  })

  it.effect("a budget for failing open ends in last verdicts, then closed, and comes back with time", () => {
    const config = makeConfig({ cellagent: { fail_open_budget: 3 } })
    const program = Effect.gen(function*() {
      const policy = yield* Policy
      const decide = (fn: string, enforced = true) => {
        const { action, source } = policy.decideUnsafe("Timeout", makeEvent("e", fn), { enforced, failMode: undefined })
        return `${action} ${source}`
      }
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      policy.rememberUnsafe(makeEvent("g", "good", now), { ...FailTableDecision, action: "allow" })
      policy.rememberUnsafe(makeEvent("b", "bad", now), { ...FailTableDecision, action: "block" })
      for (let i = 0; i < 3; i++) assert.strictEqual(decide("new"), "allow fail_open")
      assert.strictEqual(decide("good"), "allow last_known_good")
      assert.strictEqual(decide("bad"), "block last_known_good")
      assert.strictEqual(decide("new"), "block fail_closed")
      assert.strictEqual(decide("new", false), "allow observe")
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(decide("new"), "allow fail_open")
      yield* TestClock.adjust("2 hours")
      for (let i = 0; i < 3; i++) decide("new")
      assert.strictEqual(decide("good"), "block fail_closed")
    })
    return Effect.provide(program, stack({ config, link: makeLink("in-process", allowAll), witness: makeWitness() }))
  })
})

const FailTableDecision: Decision = {
  id: "d",
  eventId: "e",
  action: "allow",
  source: "brain",
  reason: "normal",
  confidence: 1,
  pValue: 1,
  findings: [],
  wouldBlock: false
}
