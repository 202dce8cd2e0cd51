import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { FailureClass } from "../../domain/FailureClass.ts"
import type { BrainLinkError } from "../../services/BrainLink.ts"

/** What came back for one frame: the bytes of the reply, or the class of the failure. */
export type Reply = Result.Result<Uint8Array, FailureClass>

const classOf: Readonly<Record<BrainLinkError["reason"]["_tag"], FailureClass>> = {
  LinkRefused: "Refused",
  LinkPartitioned: "Partition",
  LinkOverloaded: "Overload",
  LinkRejected: "Stale"
}

/** How long a late reply may still finish after its caller was answered, in ms: longer than any lock that passes by itself. */
export const lateMsMax = 30_000

/**
 * Waits for a reply, at most `timeoutMs`. Never fails; an interruption of the caller passes through.
 *
 * The reply is awaited in a fiber of its own: a timeout that interrupts its effect would wait for that interruption, and
 * so for whatever the link cannot give up. `keep` lets a late reply finish, as a brain in the same process must with the
 * evidence it is writing.
 */
export const awaitReply = (
  reply: Effect.Effect<Uint8Array, BrainLinkError>,
  options: { readonly timeoutMs: number; readonly keep: boolean; readonly onDefect: (cause: unknown) => void }
): Effect.Effect<Reply> =>
  Effect.flatMap(Effect.forkDetach(reply, { startImmediately: true }), (fiber) => {
    const done = fiber.pollUnsafe()
    if (done !== undefined) return Effect.succeed(classify(done, options.onDefect))
    const stop = Effect.sync(() => fiber.interruptUnsafe())
    const giveUp: Effect.Effect<unknown> = options.keep
      ? Effect.forkDetach(Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), lateMsMax), stop))
      : stop
    return Fiber.await(fiber).pipe(
      Effect.timeoutOption(Math.max(0, options.timeoutMs)),
      Effect.onInterrupt(() => giveUp),
      Effect.flatMap((exit) =>
        Option.isSome(exit)
          ? Effect.succeed(classify(exit.value, options.onDefect))
          : Effect.as(giveUp, Result.fail("Timeout"))
      )
    )
  })

const classify = (exit: Exit.Exit<Uint8Array, BrainLinkError>, onDefect: (cause: unknown) => void): Reply => {
  if (Exit.isSuccess(exit)) return Result.succeed(exit.value)
  for (const reason of exit.cause.reasons) {
    if (Cause.isFailReason(reason)) return Result.fail(classOf[reason.error.reason?._tag] ?? "Unknown")
    if (Cause.isDieReason(reason)) {
      onDefect(reason.defect)
      return Result.fail("Defect")
    }
  }
  return Result.fail("Unknown")
}
