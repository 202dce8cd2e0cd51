import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Finding, findingsMax } from "../../domain/Decision.ts"
import { suspicionOf } from "../../domain/replay/Suspicion.ts"
import type { TraceCall, TraceLine } from "../../domain/replay/TraceLine.ts"
import { TraceTimes } from "../../domain/replay/TraceTimes.ts"
import type { LineVerdict } from "../../domain/replay/Verdicts.ts"
import type { ConfigOptions } from "../../layers/config/PicConfig.ts"
import type { PicConfigError } from "../../services/PicConfig.ts"
import { BaselineProfiler } from "../../services/BaselineProfiler.ts"
import { type CallSite, CellAgent, type Judged } from "../../services/CellAgent.ts"
import { Monitor } from "../../services/Monitor.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import type { Progress, TraceFacts } from "./TraceCheck.ts"
import * as ReplaySystem from "./ReplaySystem.ts"
import * as TraceFiles from "./TraceFiles.ts"
import { TraceTap } from "./TraceTap.ts"

/** The pipeline itself failed on some calls, so that the figures would not mean what they say. */
export class ReplayFailed extends Schema.TaggedError<ReplayFailed>()("ReplayFailed", { detail: Schema.String }) {
  override get message() {
    return `the replay failed: ${this.detail}`
  }
}

/** Calls after which outcomes are delivered and others get their turn. */
const callsPerTurn = 512
/** Call sites remembered; more functions than any service wraps, and a few megabytes. */
const sitesMax = 10_000
/** Progress closer than this cannot be read, in ns. */
const redrawNs = 100_000_000n
/** The beginning of a line that a verdict shows. */
const textLengthMax = 200
/** What the models take for an unknown time. */
const unknownTime = 0

/** What a replay is made of. */
export interface ReplayOptions {
  readonly learn: ReadonlyArray<string>
  readonly test: ReadonlyArray<string>
  readonly facts: TraceFacts
  readonly config: ConfigOptions
  readonly progress: Progress
  /** Takes the verdicts on test lines, in order. */
  readonly take: (verdicts: ReadonlyArray<LineVerdict>) => Effect.Effect<void, ReplayFailed>
}

/** Figures of a replay that are not verdicts. */
export interface ReplayFigures {
  /** The false-positive budget of the configuration. */
  readonly nominalFpr: number
  readonly decisionsPerSecond: number
  /** Median time of scoring one call, in µs. */
  readonly scoreUs: number
  readonly functionsReady: number
  readonly functionsLearning: number
}

/** A line while its worst moment is looked for. */
interface Moment {
  score: number
  calls: number
  blocked: number
  alerted: number
  fn: string
  pValue: number
  findings: ReadonlyArray<Finding>
}

/** Sends the calls of trace lines through a protected application of this process. */
class Replayer {
  readonly #tap: TraceTap
  readonly #facts: TraceFacts
  readonly #setTime: (ms: number) => void
  readonly #monitor: Monitor["Service"]
  readonly #now: () => number
  readonly #times = new TraceTimes()
  readonly #sites = new Map<string, CallSite>()
  /** The first verdict that was none of the brain's, if any. */
  failure: string | undefined

  constructor(
    tap: TraceTap,
    facts: TraceFacts,
    setTime: (ms: number) => void,
    monitor: Monitor["Service"],
    now: () => number
  ) {
    this.#tap = tap
    this.#facts = facts
    this.#setTime = setTime
    this.#monitor = monitor
    this.#now = now
  }

  #site(fn: string): CallSite {
    const known = this.#sites.get(fn)
    if (known !== undefined) return known
    if (this.#sites.size >= sitesMax) this.#sites.clear()
    const site: CallSite = {
      fn,
      arity: 0,
      priority: "normal",
      failMode: undefined,
      redact: undefined,
      subject: undefined
    }
    this.#sites.set(fn, site)
    return site
  }

  /** Judges a call; an effect where its verdict is waited for. */
  judge(call: TraceCall, session: string): Judged | Effect.Effect<Judged> {
    const { fn, t } = call
    // 0 stands for an unknown time, so a trace that counts from 0 starts a moment later.
    this.#tap.time = t === undefined || this.#facts.untimed.has(fn)
      ? unknownTime
      : Math.max(this.#times.of(fn, t), Number.MIN_VALUE)
    this.#tap.assessment = undefined
    if (t !== undefined) this.#setTime(t)
    return this.#monitor.judgeUnsafe(this.#site(fn), call.args, session)
  }

  /** Takes the verdict on a call into the line's worst moment, and reports how the call went. */
  conclude(call: TraceCall, judged: Judged, moment: Moment): void {
    const { decision } = judged
    const assessment = this.#tap.assessment
    if (assessment === undefined || (decision.source !== "brain" && decision.source !== "training")) {
      this.failure ??= `${decision.source} (${decision.reason})`
      return
    }
    moment.calls++
    if (decision.action === "block") moment.blocked++
    worsen(moment, call.fn, suspicionOf(assessment), assessment.pValue, assessment.findings)
    this.#report(call, judged, moment)
  }

  #report(call: TraceCall, judged: Judged, moment: Moment): void {
    const { dur, fn, ok } = call
    if (judged.eventId === "" || (dur === undefined && ok === undefined)) return
    this.#tap.outcomes.set(judged.eventId, {
      time: this.#tap.time,
      durationMs: dur === undefined || this.#facts.unmeasured.has(fn) ? 0 : dur,
      assessed: (assessment) => {
        // The brain records an outcome as anomalous exactly where it explains it.
        if (assessment.findings.length > 0) moment.alerted++
        worsen(moment, fn, suspicionOf(assessment), assessment.pValue, assessment.findings)
      }
    })
    const startedAt = this.#now()
    this.#monitor.reportUnsafe(this.#site(fn), { ...judged, startedAt }, ok === false ? "failure" : "success", "")
  }
}

const worsen = (
  moment: Moment,
  fn: string,
  score: number,
  pValue: number,
  findings: ReadonlyArray<Finding>
): void => {
  if (score < moment.score) return
  moment.score = score
  moment.fn = fn
  moment.pValue = pValue
  moment.findings = findings.slice(0, findingsMax)
}

const fresh = (): Moment => ({ score: 0, calls: 0, blocked: 0, alerted: 0, fn: "", pValue: 1, findings: [] })

const verdictOf = ({ file, line, text, trace }: TraceFiles.PlacedLine, moment: Moment): LineVerdict => ({
  file,
  line,
  attack: trace.attack,
  kind: trace.kind,
  score: moment.score,
  action: moment.blocked > 0 ? "block" : moment.alerted > 0 ? "alert" : "allow",
  calls: moment.calls,
  flaggedCalls: moment.blocked + moment.alerted,
  fn: moment.fn,
  pValue: moment.pValue,
  findings: moment.findings,
  text: text.slice(0, textLengthMax)
})

/** The session of a line's calls: its own, the one that it names, or none. */
const sessionOf = (trace: TraceLine, place: string): string => {
  if (trace.whole) return `line:${place}`
  return trace.session === "" ? "" : `name:${trace.session}`
}

interface Phase {
  readonly name: "learning" | "testing"
  readonly files: ReadonlyArray<string>
  readonly calls: number
  readonly take: ReplayOptions["take"]
}

/** Replays all lines of a phase, page by page. */
const runPhase = (
  { calls: total, files, name, take }: Phase,
  { flush, lastError, progress, replayer }: {
    readonly replayer: Replayer
    readonly flush: Effect.Effect<void>
    readonly progress: Progress
    /** What the system logged last about a failure of its own. */
    readonly lastError: () => string
  }
) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let waiting: Array<readonly [TraceFiles.PlacedLine, Moment]> = []
    let calls = 0
    let sinceTurn = 0
    let drawnAt = 0n

    const turn = Effect.gen(function*() {
      sinceTurn = 0
      yield* flush
      if (replayer.failure !== undefined) {
        yield* Effect.yieldNow
        const why = lastError() === "" ? "" : `; ${lastError()}`
        return yield* new ReplayFailed({ detail: `a call got no verdict of the brain but ${replayer.failure}${why}` })
      }
      const now = clock.monotonicTimeNanosUnsafe()
      if (now - drawnAt >= redrawNs) {
        drawnAt = now
        yield* progress(name, calls, total)
      }
    })
    const settle = Effect.gen(function*() {
      yield* turn
      const verdicts = waiting.map(([line, moment]) => verdictOf(line, moment))
      waiting = []
      yield* take(verdicts)
    })
    yield* TraceFiles.forEachPage(files, (page, file) =>
      Effect.gen(function*() {
        for (const placed of page.lines) {
          const moment = fresh()
          const session = sessionOf(placed.trace, `${name}:${file}:${placed.line}`)
          for (const call of placed.trace.calls) {
            const judged = replayer.judge(call, session)
            replayer.conclude(call, Effect.isEffect(judged) ? yield* judged : judged, moment)
            calls++
            if (++sinceTurn >= callsPerTurn) yield* turn
          }
          waiting.push([placed, moment])
        }
        yield* settle
      }))
    yield* progress(name, total, total)
  })

/** Learns from some trace files and judges others, all through the embedded pipeline as it is shipped. */
export const run = (
  options: ReplayOptions
): Effect.Effect<ReplayFigures, TraceFiles.TraceUnreadable | ReplayFailed | PicConfigError> => {
  const { facts, learn, progress, take, test } = options
  const tap = new TraceTap()
  const system = ReplaySystem.make(options.config, tap)
  return Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const agent = yield* CellAgent
    const profiler = yield* BaselineProfiler
    const config = yield* PicConfig
    const pic = yield* PicClock
    const replayer = new Replayer(tap, facts, system.setTime, yield* Monitor, pic.nowUnsafe)
    const startedAt = clock.monotonicTimeNanosUnsafe()
    const learning: Phase = { name: "learning", files: learn, calls: facts.learn.calls, take: () => Effect.void }
    const means = { replayer, flush: agent.flush, progress, lastError: system.lastError }
    yield* runPhase(learning, means)
    yield* profiler.finishLearning
    yield* runPhase({ name: "testing", files: test, calls: facts.test.calls, take }, means)
    const seconds = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9
    const profiles = yield* profiler.profiles
    const ready = profiles.filter(({ state }) => state === "ready").length
    return {
      nominalFpr: config.settingsUnsafe().brain.false_positive_rate,
      decisionsPerSecond: Math.round((facts.learn.calls + facts.test.calls) / Math.max(seconds, 1e-9)),
      scoreUs: Math.round(tap.latency.quantile(0.5) * 1e5) / 100,
      functionsReady: ready,
      functionsLearning: profiles.length - ready
    }
  }).pipe(Effect.provide(system.layer))
}
