import { Clock, Context, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { CallBlocked, Monitor } from "effect-pic"
import { ChaosLink, PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import { type Accounting, balanced } from "../../src/domain/flow/Accounting.ts"
import type { ChaosFault } from "../../src/domain/ChaosPlan.ts"
import { type Overrides, parts } from "../../src/layers/Embedded.ts"
import * as InProcess from "../../src/layers/link/InProcess.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { BrainConnector } from "../../src/services/BrainConnector.ts"
import { BrainCore } from "../../src/services/BrainCore.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"
import { KeyManager } from "../../src/services/KeyManager.ts"
import { PicConfig } from "../../src/services/PicConfig.ts"
import { makeRandom, type SeededRandom } from "../support/Seeded.ts"
import { makeChecker } from "./Invariants.ts"
import { type Disk, type DiskState, makeDisk } from "./Store.ts"
import { type Call, hostile, makeWitness, type Witness } from "./Witness.ts"

const queueMax = { size: 8, bytes: 256 * 1024 }
/** Calls of a burst: more than the queue takes. */
const burst = 30
const bufferBytesMax = 64 * 1024

/** Weathers of the link: probabilities of each fault for each message. */
const weathers: ReadonlyArray<{ readonly [F in ChaosFault]?: number }> = [
  {},
  {},
  { drop: 0.3, delay: 0.3 },
  { duplicate: 0.4, reorder: 0.2 },
  { corruptRequest: 0.15, corruptReply: 0.15, duplicate: 0.2 },
  { fail: 1 },
  { drop: 0.1, delay: 0.1, duplicate: 0.1, reorder: 0.1, corruptRequest: 0.05, corruptReply: 0.05, fail: 0.1 }
]
const disks: ReadonlyArray<DiskState> = ["well", "well", "slow", "late", "full", "hanging"]
const ordinaryFunctions = ["shop.buy", "shop.search", "shop.list", "user.read"]

/** What a schedule does in a step beside calls, in the order of its draws. */
const events = [
  "link",
  "disk",
  "mode",
  "rollout",
  "sampling",
  "limit",
  "brain",
  "rotate",
  "revoke",
  "clock",
  "rest"
] as const
export type Happening = (typeof events)[number] | "call" | "interrupted call"

export interface Options {
  readonly seed: number
  readonly steps: number
  /** A bug in place of a shipped part, over the disk and the witness of this run. */
  readonly plant?: ((disk: Disk) => Overrides) | undefined
}

export interface Report {
  readonly complaints: ReadonlyArray<string>
  readonly hash: string
  readonly happened: Readonly<Record<string, number>>
  readonly calls: ReadonlyArray<Call>
  readonly verified: boolean
  /** At the end of the schedule, and once the system was closed. */
  readonly accounting: Accounting
  readonly closed: Accounting
}

/** A wall clock that steps back and forth over the steady one. */
const makeSteppingClock = Effect.map(Clock.clockWith(Effect.succeed), (steady) => {
  let offset = 0
  const currentTimeMillisUnsafe = () => steady.currentTimeMillisUnsafe() + offset
  const clock: Clock.Clock = Object.assign(Object.create(steady), {
    currentTimeMillisUnsafe,
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe)
  })
  return { clock, step: (ms: number) => void (offset += ms) }
})

/** The application: protected functions that do nothing but say that they ran. */
const makeApplication = (witness: Witness) => {
  const wrapped = new Map(
    [...ordinaryFunctions, hostile].map((fn) => [
      fn,
      Monitor.wrap(fn, (n: number, _note: string) =>
        Effect.sync(() => {
          witness.calls[n]!.ran++
        }))
    ])
  )
  return (call: Call, session: string) =>
    wrapped.get(call.fn)!(call.n, "x".repeat(call.n % 7)).pipe(Monitor.withSession(session))
}

const outcomeOf = (exit: Exit.Exit<void, CallBlocked>): string => {
  if (Exit.isSuccess(exit)) return "ran"
  if (Exit.hasInterrupts(exit)) return "interrupted"
  const error = Exit.findErrorOption(exit)
  return error._tag === "Some" && error.value instanceof CallBlocked ? "blocked" : `died: ${String(exit.cause)}`
}

const schedule = Effect.fnUntraced(function*(options: {
  readonly steps: number
  readonly random: SeededRandom
  readonly witness: Witness
  readonly disk: Disk
  readonly chaos: ChaosLink.ChaosLink
  readonly stepClock: (ms: number) => void
  readonly inProcess: boolean
}) {
  const { chaos, disk, inProcess, random, steps, stepClock, witness } = options
  const agent = yield* CellAgent
  const brain = yield* BrainCore
  const config = yield* PicConfig
  const connector = yield* BrainConnector
  const keys = yield* KeyManager
  const now = Clock.currentTimeNanos.pipe(Effect.map((nanos) => Number(nanos) / 1e6))
  witness.watchMode(() => config.settingsUnsafe().cellagent.fail_mode)
  const checker = makeChecker(witness, disk, inProcess)
  const trace = createHash("sha256")
  const happened: Record<string, number> = {}
  const application = makeApplication(witness)
  const open = new Set<Fiber.Fiber<void, CallBlocked>>()
  const count = (what: Happening): void => void (happened[what] = (happened[what] ?? 0) + 1)

  const call = Effect.gen(function*() {
    const { cellagent, rollout } = config.settingsUnsafe()
    const mine: Call = {
      n: witness.calls.length,
      fn: random.below(4) === 0 ? hostile : random.pick(ordinaryFunctions),
      startedAt: yield* now,
      modeBefore: cellagent.fail_mode,
      enforcing: rollout.mode === "enforce" && rollout.percent === 100,
      interrupted: false,
      ran: 0,
      decision: undefined,
      modeAfter: undefined,
      durableBefore: 0,
      outcome: "",
      answeredAt: undefined
    }
    witness.calls.push(mine)
    const interrupt = random.below(12) === 0
    count(interrupt ? "interrupted call" : "call")
    const answered = (exit: Exit.Exit<void, CallBlocked>) =>
      Effect.map(now, (at) => {
        mine.outcome = outcomeOf(exit)
        mine.answeredAt = at
      })
    const fiber = yield* Effect.forkDetach(Effect.onExit(application(mine, `s${random.below(5)}`), answered), {
      startImmediately: true
    })
    open.add(fiber)
    fiber.addObserver(() => open.delete(fiber))
    if (interrupt && mine.answeredAt === undefined) {
      mine.interrupted = true
      yield* Effect.forkDetach(Effect.delay(Fiber.interrupt(fiber), random.below(30)))
    }
  })
  const check = (quiet: boolean) =>
    Effect.gen(function*() {
      checker.check({
        now: yield* now,
        accounting: yield* agent.accounting,
        queue: witness.queuePeak,
        queueMax,
        bufferedBytes: (yield* connector.status).bufferedBytes,
        bufferBytesMax,
        quiet
      })
    })
  /** Everything works again, for long enough that all that was begun has ended. */
  const rest = Effect.gen(function*() {
    chaos.set({})
    disk.set("well", 0)
    yield* brain.start
    yield* TestClock.adjust("40 seconds")
    yield* check(true)
  })

  const happen = (what: (typeof events)[number]) => {
    count(what)
    switch (what) {
      case "link":
        return Effect.sync(() => chaos.set({ ...random.pick(weathers), delayMsMax: random.pick([5, 40, 200]) }))
      case "disk":
        return Effect.sync(() => disk.set(random.pick(disks), random.pick([1, 30, 400, 3_000])))
      case "mode":
        return config.change({ fail_mode: random.pick(["open", "closed"]) })
      case "rollout":
        return config.change({
          rollout: { mode: random.pick(["observe", "enforce", "enforce"]), percent: random.pick([0, 100, 100]) }
        })
      case "sampling":
        return config.change({ sampling_rate: random.pick([0.5, 1, 1]) })
      case "limit":
        return config.change({ per_function_limit: random.pick([2, 1_000, 1_000]) })
      case "brain":
        return random.below(2) === 0 ? brain.stop : brain.start
      case "rotate":
        return keys.rotateKeys
      case "revoke":
        return Effect.flatMap(keys.list, (info) => keys.revokeKey(info.keys.find((k) => k.state === "primary")!.id))
      case "clock":
        return Effect.sync(() => stepClock(random.pick([-3_600_000, 3_600_000])))
      case "rest":
        return rest
    }
  }

  for (let step = 0; step < steps; step++) {
    const draw = random.below(100)
    const what = draw < 75 ? "call" : events[draw % events.length]!
    // Rare: each of them takes away what most calls need.
    const skipped = (what === "revoke" || what === "rest") && random.below(3) > 0
    if (what !== "call" && !skipped) yield* happen(what)
    for (let i = random.below(25) === 0 ? burst : random.below(3); i >= 0; i--) yield* call
    const pause = random.pick([0, 1, 3, 11, 40])
    yield* TestClock.adjust(pause)
    yield* check(false)
    const accounting = yield* agent.accounting
    trace.update(`${step} ${what} ${pause} ${JSON.stringify(accounting)} ${(yield* connector.status).bufferedEvents}\n`)
  }
  yield* rest
  const flushing = yield* Effect.forkChild(Effect.andThen(agent.flush, Effect.ignore((yield* AuditLogger).flush)))
  yield* TestClock.adjust("1 minute")
  if (flushing.pollUnsafe() === undefined) checker.complaints.add("a flush did not end")
  yield* check(true)
  checker.finish()
  for (const { answeredAt, decision, durableBefore, fn, outcome, ran, startedAt } of witness.calls) {
    trace.update(
      `${fn} ${startedAt} ${answeredAt} ${outcome} ${ran} ${durableBefore} ${decision?.source} ${decision?.reason}\n`
    )
  }
  if (open.size > 0) checker.complaints.add(`${open.size} callers never came back`)
  const report = yield* Effect.result((yield* AuditLogger).verify)
  return {
    complaints: [...checker.complaints],
    hash: trace.digest("hex"),
    accounting: yield* agent.accounting,
    happened: { ...happened, ...prefixed("link", chaos.fired()), ...prefixed("disk", disk.fired) },
    calls: witness.calls,
    verified: report._tag === "Success" && report.success.ok
  }
})

const prefixed = (prefix: string, counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, n]) => [`${prefix} ${name}`, n]))

const program = ({ plant, seed, steps }: Options): Effect.Effect<Report, unknown> =>
  Effect.gen(function*() {
    const random = makeRandom(seed)
    const disk = makeDisk()
    const witness = makeWitness(disk)
    // Every second seed as over a network: with retries and the deadline of a remote brain.
    const inProcess = seed % 2 === 0
    const chaos = ChaosLink.make({ seed, ...(inProcess ? {} : { kind: "chaos" }) })
    const { clock, step } = yield* makeSteppingClock
    const planted: Overrides = plant?.(disk) ?? {}
    const system = PicTest.layerWith({
      seed,
      overrides: {
        ...witness.overrides,
        AuditLogger: parts.AuditLogger.pipe(Layer.provide(disk.layer)),
        BrainLink: chaos.layer.pipe(Layer.provide(InProcess.layer)),
        ...planted,
        EventQueue: witness.watchQueue(planted.EventQueue ?? parts.EventQueue)
      },
      settings: {
        cellagent: { retry_backoff_ms: 5, buffer_bytes: bufferBytesMax },
        brain: { queue_size: queueMax.size, queue_bytes: queueMax.bytes }
      }
    })
    const live = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(system, scope)
      const report = yield* Effect.provideContext(
        schedule({ steps, random, witness, disk, chaos, stepClock: step, inProcess }),
        context
      )
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 minute")
      const closed = yield* Context.get(context, CellAgent).accounting
      const late = [
        ...(closing.pollUnsafe() === undefined ? ["the system did not close"] : []),
        ...(balanced(closed) && closed.inFlight === 0 ? [] : [`closed with ${JSON.stringify(closed)}`])
      ]
      return { ...report, closed, complaints: [...report.complaints, ...late] }
    })
    return yield* Effect.provideService(live, Clock.Clock, clock)
  }).pipe(Effect.scoped, Effect.provide([TestClock.layer(), Logger.layer([])]))

/** Runs one schedule from nothing, with a clock of its own. */
export const run = (options: Options): Promise<Report> => Effect.runPromise(program(options))
