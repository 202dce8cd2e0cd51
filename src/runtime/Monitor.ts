import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { CallBlocked } from "../domain/CallBlocked.ts"
import type { CallSite, DecisionRecord, Judged } from "../services/CellAgent.ts"
import * as Service from "../services/Monitor.ts"
import * as Site from "./CallSite.ts"

/** The service that wrapped functions need; `Pic.layer` provides it, `MonitorTest` in tests. */
export const Monitor = Service.Monitor
export type Monitor = Service.Monitor

type WrapOptions<Args extends Array<unknown>> = Site.WrapOptions<Args>
export type {
  /** How one wrapped function is to be judged. */
  WrapOptions
}

/** Options of `Monitor.wrap` that also say what a blocked call does instead of failing. */
export interface WrapOptionsOnBlocked<Args extends Array<unknown>, A, E, R> extends WrapOptions<Args> {
  /** Runs instead of a blocked call; the wrapped function then no longer fails with `CallBlocked`. */
  readonly onBlocked: (error: CallBlocked, ...args: Args) => Effect.Effect<A, E, R>
}

const sessionOf = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const session = fiber.getRef(Service.Session)
  return session !== "" ? session : fiber.cache.span?.traceId ?? ""
}

const report =
  (monitor: Context.Service.Shape<typeof Service.Monitor>, site: CallSite, judged: Judged) =>
  (exit: Exit.Exit<unknown, unknown>): undefined => {
    if (Exit.isSuccess(exit)) monitor.reportUnsafe(site, judged, "success", "")
    else if (Cause.hasInterruptsOnly(exit.cause)) monitor.reportUnsafe(site, judged, "interrupted", "")
    else {
      const failure = Cause.findError(exit.cause)
      if (Result.isSuccess(failure)) monitor.reportUnsafe(site, judged, "failure", Site.tagOf(failure.success))
      else monitor.reportUnsafe(site, judged, "defect", Site.tagOf(Cause.squash(exit.cause)))
    }
  }

const rename = <F extends object>(wrapped: F, original: { readonly name: string; readonly length: number }): F => {
  Object.defineProperty(wrapped, "name", { value: original.name, configurable: true })
  return Object.defineProperty(wrapped, "length", { value: original.length, configurable: true })
}

/**
 * Protects a function that returns an Effect: each call is judged before the function runs.
 *
 * The wrapped function keeps its parameters, `this`, success, failures, requirements, interruption and defects, and
 * gains one failure, `CallBlocked`. A blocked function is never started. Of an overloaded function TypeScript keeps the
 * last signature. The same name means the same function: give every function its own.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Monitor } from "effect-pic"
 * import { MonitorTest } from "effect-pic/testing"
 *
 * const double = Monitor.wrap("math.double", (n: number) => Effect.succeed(n * 2))
 * const program = double(21).pipe(Effect.provide(MonitorTest.layerAllowAll))
 * ```
 */
export const wrap: {
  <This, Args extends Array<unknown>, A, E, R, A2, E2, R2>(
    name: string,
    f: (this: This, ...args: Args) => Effect.Effect<A, E, R>,
    options: WrapOptionsOnBlocked<Args, A2, E2, R2>
  ): (this: This, ...args: Args) => Effect.Effect<A | A2, E | E2, R | R2 | Service.Monitor>
  <This, Args extends Array<unknown>, A, E, R>(
    name: string,
    f: (this: This, ...args: Args) => Effect.Effect<A, E, R>,
    options?: WrapOptions<Args>
  ): (this: This, ...args: Args) => Effect.Effect<A, E | CallBlocked, R | Service.Monitor>
} = <This, Args extends Array<unknown>, A, E, R>(
  name: string,
  f: (this: This, ...args: Args) => Effect.Effect<A, E, R>,
  options?: WrapOptions<Args> & Partial<WrapOptionsOnBlocked<Args, A, E, R>>
) => {
  const site = Site.make(name, f.length, options)
  const onBlocked = options?.onBlocked
  const enforce = (
    monitor: Context.Service.Shape<typeof Service.Monitor>,
    judged: Judged,
    self: This,
    args: Args
  ): Effect.Effect<A, E | CallBlocked, R> => {
    if (judged.decision.action === "block") {
      const error = Site.blocked(site, judged.decision)
      return onBlocked === undefined ? Effect.fail(error) : onBlocked(error, ...args)
    }
    return judged.eventId === ""
      ? f.apply(self, args)
      : Effect.onExitPrimitive(f.apply(self, args), report(monitor, site, judged))
  }
  return rename(function(this: This, ...args: Args): Effect.Effect<A, E | CallBlocked, R | Service.Monitor> {
    return Effect.withFiber((fiber) => {
      const monitor = Context.getUnsafe(fiber.context, Service.Monitor)
      if (!monitor.enabledUnsafe()) return f.apply(this, args)
      const judged = monitor.judgeUnsafe(site, args, sessionOf(fiber))
      return "decision" in judged
        ? enforce(monitor, judged, this, args)
        : Effect.flatMap(judged, (late) => enforce(monitor, late, this, args))
    })
  }, f)
}

/**
 * Protects a function that returns a Stream: each call is judged when the stream is first pulled, before the function
 * runs; the outcome is that of the whole stream.
 */
export const wrapStream = <This, Args extends Array<unknown>, A, E, R>(
  name: string,
  f: (this: This, ...args: Args) => Stream.Stream<A, E, R>,
  options?: WrapOptions<Args>
): (this: This, ...args: Args) => Stream.Stream<A, E | CallBlocked, R | Service.Monitor> => {
  const site = Site.make(name, f.length, options)
  return rename(function(this: This, ...args: Args) {
    const started = Effect.withFiber<Stream.Stream<A, E, R>, CallBlocked, Service.Monitor>((fiber) => {
      const monitor = Context.getUnsafe(fiber.context, Service.Monitor)
      const run = (judged: Judged): Effect.Effect<Stream.Stream<A, E, R>, CallBlocked> => {
        if (judged.decision.action === "block") return Effect.fail(Site.blocked(site, judged.decision))
        return Effect.sync(() =>
          Stream.onExit(f.apply(this, args), (exit) => Effect.sync(() => report(monitor, site, judged)(exit)))
        )
      }
      if (!monitor.enabledUnsafe()) return Effect.sync(() => f.apply(this, args))
      const judged = monitor.judgeUnsafe(site, args, sessionOf(fiber))
      return Effect.isEffect(judged) ? Effect.flatMap(judged, run) : run(judged)
    })
    return Stream.unwrap(started)
  }, f)
}

/**
 * Groups calls that belong together, such as a request, a user's session or an agent's run; child fibers inherit it.
 * The identifier itself never leaves the agent.
 */
export const withSession = (session: string) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Service.Session, session)

/** Every decision as it is made, the latest if the reader falls behind. */
export const decisions: Stream.Stream<DecisionRecord, never, Service.Monitor> = Stream.unwrap(
  Effect.map(Service.Monitor, (monitor) => monitor.decisions)
)
