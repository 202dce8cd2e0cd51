import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { AsyncLocalStorage } from "node:async_hooks"
import type { CallBlocked } from "../domain/CallBlocked.ts"
import type { CallSite, DecisionRecord, Judged } from "../services/CellAgent.ts"
import type { FailMode } from "../domain/FailureClass.ts"
import { defaults } from "../domain/settings/Settings.ts"
import * as PicConfigLayer from "../layers/config/PicConfig.ts"
import { Monitor } from "../services/Monitor.ts"
import { PicConfig } from "../services/PicConfig.ts"
import * as Site from "./CallSite.ts"
import * as Pic from "./Pic.ts"
import * as Stats from "./Stats.ts"

/** How the runtime is made. */
export interface PicRuntimeOptions extends Pic.PicOptions {
  /**
   * Whether SIGTERM and SIGINT stop the runtime, with its drain, before the process ends by the signal. Where the application
   * listens to the signal as well, the process ends when it says so. Default true.
   */
  readonly stopOnSignals?: boolean | undefined
}

/** Options of a wrapped asynchronous function. */
export interface WrapAsyncOptions<Args extends Array<unknown>, A> extends Site.WrapOptions<Args> {
  /** Answers a blocked call; without it the call rejects with `CallBlocked`. */
  readonly onBlocked?: ((error: CallBlocked, ...args: Args) => A | PromiseLike<A>) | undefined
}

type MonitorShape = typeof Monitor.Service
type AnyMethod<This, Args extends Array<unknown>, A> = (this: This, ...args: Args) => A

/** Protection for code without Effect. */
export interface PicRuntime {
  /**
   * Starts agent and brain; the first wrapped call does it otherwise. Rejects where that is impossible, as with a wrong
   * configuration; wrapped calls then follow the fail mode. Rejects after a stop.
   */
  readonly start: () => Promise<void>
  /** Answers every waiting call, drains and stops. Later calls follow the fail mode. */
  readonly stop: () => Promise<void>
  readonly getStats: () => Promise<Stats.Stats>
  /** Ends the learning phase now: for tests and demos that know when they have shown everything that is normal. */
  readonly finishLearning: () => Promise<void>
  /** Protects an asynchronous function: it starts only after an allow, and rejects with `CallBlocked` otherwise. */
  readonly wrap: <This, Args extends Array<unknown>, A>(
    name: string,
    f: (this: This, ...args: Args) => PromiseLike<A> | A,
    options?: WrapAsyncOptions<Args, NoInfer<A>>
  ) => (this: This, ...args: Args) => Promise<A>
  /** Groups the calls that `run` makes, now and later, into one session. */
  readonly withSession: <A>(session: string, run: () => A) => A
  /** Every decision as it is made. */
  readonly decisions: () => AsyncIterable<DecisionRecord>
  /** Protects a method, asynchronous or synchronous; the engine behind the `monitor` decorator. */
  readonly guard: <This, Args extends Array<unknown>, A>(
    site: CallSite,
    method: AnyMethod<This, Args, A>
  ) => AnyMethod<This, Args, A>
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

const signals = ["SIGTERM", "SIGINT"] as const

const isAsync = (f: object): boolean => Object.prototype.toString.call(f) === "[object AsyncFunction]"

/** Makes a runtime; nothing starts before `start` or the first call. */
export const make = (options: PicRuntimeOptions = {}): PicRuntime => {
  const runtime = ManagedRuntime.make(Pic.layerWith(options))
  const sessions = new AsyncLocalStorage<string>()
  let monitor: MonitorShape | undefined
  let starting: Promise<MonitorShape> | undefined
  let stopping: Promise<void> | undefined
  /** What decides calls while there is no brain: set once the runtime could not start, or stops. */
  let withoutBrain: FailMode | undefined

  const configuredMode = (): Promise<FailMode> =>
    Effect.runPromise(Effect.match(PicConfigLayer.load(options), {
      onFailure: () => options.settings?.cellagent?.fail_mode ?? defaults.cellagent.fail_mode,
      onSuccess: ({ settings }) => settings.cellagent.fail_mode
    }))
  const onStarted = (found: MonitorShape): MonitorShape => {
    monitor = found
    if (stopping !== undefined) return found
    current = self
    if (options.stopOnSignals !== false) { for (const signal of signals) process.once(signal, onSignal) }
    return found
  }
  const onRefused = async (cause: unknown): Promise<never> => {
    withoutBrain = await configuredMode()
    const consequence = withoutBrain === "open" ? "protected calls run unjudged" : "protected calls are refused"
    Effect.runFork(Effect.logError(
      `effect-pic: NOT PROTECTING: it could not start, so ${consequence} (fail mode ${withoutBrain}): ${String(cause)}`
    ))
    throw cause
  }
  const ready = (): Promise<MonitorShape> => starting ??= runtime.runPromise(Monitor).then(onStarted, onRefused)

  const onSignal = (signal: NodeJS.Signals): void => {
    void stop().finally(() => {
      // An application that listens as well decides itself when to end.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    })
  }
  const start = async (): Promise<void> => {
    if (stopping !== undefined) throw new Error("this PicRuntime was stopped: make another one")
    await ready()
  }
  const end = async (): Promise<void> => {
    if (starting === undefined) withoutBrain = options.settings?.cellagent?.fail_mode
    const started = starting !== undefined && await starting.then(() => true, () => false)
    for (const signal of signals) process.off(signal, onSignal)
    if (current === self) current = undefined
    // The mode first: a call in between must not pass because there is no brain any more.
    withoutBrain = started
      ? (await runtime.runPromise(PicConfig)).settingsUnsafe().cellagent.fail_mode
      : await configuredMode()
    monitor = undefined
    await runtime.dispose()
  }
  const stop = (): Promise<void> => stopping ??= end()

  const report = (asked: MonitorShape, site: CallSite, judged: Judged, error?: { readonly thrown: unknown }): void =>
    error === undefined
      ? asked.reportUnsafe(site, judged, "success", "")
      : asked.reportUnsafe(site, judged, "failure", Site.tagOf(error.thrown))

  /** A runtime that is stopped or could not start has no brain: closed refuses, open runs. */
  const refusedWithoutBrain = (site: CallSite): CallBlocked | undefined => {
    const mode = site.failMode ?? withoutBrain ?? options.settings?.cellagent?.fail_mode
    return mode === "closed" ? Site.failedClosed(site) : undefined
  }
  const find = async (): Promise<MonitorShape | undefined> => {
    if (monitor !== undefined || withoutBrain !== undefined || stopping !== undefined) return monitor
    return ready().catch(() => undefined)
  }
  /** Outside of the runtime, whose end would interrupt the wait: the agent answers every waiting call before it stops. */
  const wait = (verdict: Effect.Effect<Judged>): Promise<Judged | undefined> =>
    Effect.runPromise(verdict).catch(() => undefined)

  const call = async <This, Args extends Array<unknown>, A>(
    site: CallSite,
    f: (this: This, ...args: Args) => PromiseLike<A> | A,
    onBlocked: WrapAsyncOptions<Args, A>["onBlocked"],
    self: This,
    args: Args
  ): Promise<A> => {
    const refuse = (error: CallBlocked): A | PromiseLike<A> => {
      if (onBlocked === undefined) throw error
      return onBlocked(error, ...args)
    }
    const runWithoutBrain = (): A | PromiseLike<A> => {
      const refused = refusedWithoutBrain(site)
      return refused === undefined ? f.apply(self, args) : refuse(refused)
    }
    const asked = await find()
    if (asked === undefined) return runWithoutBrain()
    if (!asked.enabledUnsafe()) return f.apply(self, args)
    const verdict = asked.judgeUnsafe(site, args, sessions.getStore() ?? "")
    const judged = Effect.isEffect(verdict) ? await wait(verdict) : verdict
    if (judged === undefined) return runWithoutBrain()
    if (judged.decision.action === "block") return refuse(Site.blocked(site, judged.decision))
    try {
      const result = await f.apply(self, args)
      report(asked, site, judged)
      return result
    } catch (thrown) {
      report(asked, site, judged, { thrown })
      throw thrown
    }
  }

  const callNow = <This, Args extends Array<unknown>, A>(
    site: CallSite,
    method: AnyMethod<This, Args, A>,
    self: This,
    args: Args
  ): A => {
    const asked = monitor
    if (asked === undefined) {
      const refused = refusedWithoutBrain(site)
      if (refused !== undefined) throw refused
      return method.apply(self, args)
    }
    if (!asked.enabledUnsafe()) return method.apply(self, args)
    const judged = asked.judgeNowUnsafe(site, args, sessions.getStore() ?? "")
    if (judged.decision.action === "block") throw Site.blocked(site, judged.decision)
    try {
      const result = method.apply(self, args)
      if (isThenable(result)) {
        result.then(() => report(asked, site, judged), (thrown) => report(asked, site, judged, { thrown }))
      } else report(asked, site, judged)
      return result
    } catch (thrown) {
      report(asked, site, judged, { thrown })
      throw thrown
    }
  }

  const self: PicRuntime = {
    start,
    stop,
    getStats: () => runtime.runPromise(Stats.collect),
    finishLearning: () => runtime.runPromise(Pic.finishLearning),
    wrap: (name, f, wrapOptions) => {
      const site = Site.make(name, f.length, wrapOptions)
      const onBlocked = wrapOptions?.onBlocked
      return function(...args) {
        return call(site, f, onBlocked, this, args)
      }
    },
    withSession: (session, run) => sessions.run(session, run),
    decisions: () =>
      Stream.toAsyncIterable(Stream.unwrap(Effect.promise(ready).pipe(Effect.map((found) => found.decisions)))),
    guard: (site, method) =>
      isAsync(method)
        // An async function always returns a promise, so the asynchronous path has its type.
        ? function(...args) {
          return call(site, method, undefined, this, args) as ReturnType<typeof method>
        }
        : function(...args) {
          return callNow(site, method, this, args)
        }
  }
  return self
}

let current: PicRuntime | undefined

/** The runtime that was started last and not stopped: the one that the `monitor` decorator asks. */
export const getCurrent = (): PicRuntime | undefined => current
