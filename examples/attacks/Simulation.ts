/** One system, from its first call on: legitimate calls alone while it learns, then nine of them to each attack. */
import { Effect, Layer, Logger, Result } from "effect"
import { BaselineProfiler } from "effect-pic/services/BaselineProfiler"
import { PicTest } from "effect-pic/testing"
import { TestClock } from "effect/testing"
import * as Attacks from "./Attacks.ts"
import * as Envelopes from "./Envelopes.ts"
import { Book, type Call, perform } from "./Guesthouse.ts"
import { Seeded } from "./Seeded.ts"
import * as Tap from "./Tap.ts"
import { traffic } from "./Traffic.ts"

/** A Monday in 2024, in epoch ms. */
const startMs = 1_732_500_000_000
/** Middle of the gaps between calls, in ms: the service answers about 15 calls a second. */
const gapMs = 40
/** Every tenth call is an attack. */
const attackEvery = 10
/** Calls between two bursts of envelopes. */
const burstEvery = 1_000
/** Examples that are kept of each kind that got through, and of legitimate calls that did not. */
const examplesMax = 8

export interface SimulationOptions {
  readonly seed: number
  /** Legitimate calls before the first attack; 0 for a cold brain. */
  readonly learn: number
  /** Calls afterwards, of which one in ten is an attack. */
  readonly mixed: number
  /**
   * The system learns until the first attack, as `pic replay --learn` does; otherwise its functions are judged as soon as
   * the default settings let them.
   */
  readonly wholePhase?: boolean | undefined
  /** Layers that stand in for shipped ones, to see that the simulator notices. */
  readonly overrides?: NonNullable<PicTest.PicTestOptions["overrides"]> | undefined
}

/** How one kind of attack went. `approach`: calls of slow attackers that did no harm yet, and how many of them ran. */
export interface KindTally {
  offered: number
  blocked: number
  approach: number
  approachRan: number
  readonly missed: Array<string>
}

/** How many legitimate calls ran, and examples of those that did not. */
export interface Share {
  offered: number
  accepted: number
  readonly refused: Array<string>
}

export interface Outcome {
  readonly byKind: ReadonlyMap<string, KindTally>
  readonly envelopes: Envelopes.EnvelopeTally
  readonly legitimate: Share
  /** The same while only legitimate calls came. */
  readonly learning: Share
  /** Calls that were allowed but never ran, or ran although they were blocked. */
  readonly unexplained: number
}

const emptyKind = (): KindTally => ({ offered: 0, blocked: 0, approach: 0, approachRan: 0, missed: [] })
const emptyShare = (): Share => ({ offered: 0, accepted: 0, refused: [] })

/** Kinds in the order of the mix: slow attackers need many calls, so two attacks in three are theirs. */
const mixOf = (kinds: ReadonlyMap<string, unknown>): ReadonlyArray<string> => {
  const slow = [...kinds.keys()].filter((kind) => kind.startsWith("slow "))
  const others = [...kinds.keys()].filter((kind) => !kind.startsWith("slow "))
  return others.flatMap((kind) => [kind].concat(slow))
}

const simulate = Effect.fnUntraced(function*(options: SimulationOptions, tap: Tap.Tap) {
  const random = new Seeded(options.seed)
  const attacker = new Seeded(options.seed + 1)
  const ordinary = traffic(random)
  // A third of the attacks are of each slow kind.
  const kinds = Attacks.makeKinds(Math.floor(options.mixed / attackEvery / 3))
  const mix = mixOf(kinds)
  const byKind = new Map([...kinds.keys()].map((kind) => [kind, emptyKind()]))
  const legitimate = emptyShare()
  const learning = emptyShare()
  const envelopes = Envelopes.emptyTally()
  const strike = yield* Envelopes.makeAttacker(attacker, tap, envelopes)
  const book = yield* Book
  const profiler = yield* BaselineProfiler
  let now = startMs
  let ran = 0
  let attacks = 0

  const runs = Effect.fnUntraced(function*(call: Call) {
    const result = yield* Effect.result(perform(call))
    if (Result.isSuccess(result)) ran++
    return Result.isSuccess(result)
  })
  const offer = Effect.fnUntraced(function*(call: Call, share: Share) {
    share.offered++
    if (yield* runs(call)) share.accepted++
    else if (share.refused.length < examplesMax) share.refused.push(`${call.operation}(${JSON.stringify(call.args)})`)
  })
  const attack = Effect.fnUntraced(function*(kind: string, made: Omit<Attacks.Attack, "kind">) {
    const tally = byKind.get(kind)!
    const passed = yield* runs(made.call)
    if (made.approach) {
      tally.approach++
      if (passed) tally.approachRan++
      return
    }
    tally.offered++
    if (!passed) tally.blocked++
    // The first ones that got through, and the last one.
    else tally.missed[Math.min(tally.missed.length, examplesMax - 1)] = made.shown
  })

  for (let n = 0; n < options.learn + options.mixed; n++) {
    const gap = gapMs * random.logNormal(1)
    now += gap
    yield* TestClock.adjust(gap)
    if (options.wholePhase === true && n === options.learn) yield* profiler.finishLearning
    const call = ordinary.next(now)
    const calm = n < options.learn
    const due = !calm && Math.floor((n - options.learn) / attackEvery) >= attacks && attacker.chance(0.5)
    const kind = mix[attacks % mix.length]!
    const made = due ? kinds.get(kind)!(attacker, call) : undefined
    if (made === undefined) yield* offer(call, calm ? learning : legitimate)
    else {
      attacks++
      yield* attack(kind, made)
    }
    if (!calm && n % burstEvery === burstEvery - 1) yield* strike(call)
  }
  const unexplained = Math.abs(ran - (yield* book.entries))
  return { byKind, envelopes, legitimate, learning, unexplained } satisfies Outcome
})

/** Runs a simulation on simulated time: the same seed gives the same outcome. The system enforces from its first call. */
export const run = (options: SimulationOptions): Effect.Effect<Outcome> => {
  const tap = Tap.make()
  const system = PicTest.layerWith({
    seed: options.seed,
    settings: options.wholePhase === true ? { brain: { min_seconds: Number.MAX_SAFE_INTEGER } } : {},
    overrides: { ...options.overrides, BrainLink: tap.layer }
  }).pipe(Layer.orDie)
  return TestClock.setTime(startMs).pipe(
    Effect.andThen(Effect.provide(simulate(options, tap), Layer.merge(system, Book.layer), { local: true })),
    Effect.provide([TestClock.layer(), Logger.layer([])], { local: true })
  )
}
