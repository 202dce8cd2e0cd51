import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { ExceptionBook } from "../../domain/decide/ExceptionBook.ts"
import {
  derive,
  type Exception,
  exceptionSecondsDefault,
  exceptionSecondsMax,
  exceptionsMax,
  inWords,
  ownerLengthMax,
  reasonLengthMax
} from "../../domain/decide/Exceptions.ts"
import type { Alerts } from "../../services/Alerts.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import {
  DecisionNotFound,
  ExceptionNotFound,
  ExceptionRefused,
  type ExceptionRequest,
  Exceptions,
  ExceptionsError
} from "../../services/Exceptions.ts"
import { PicClock } from "../../services/PicClock.ts"
import type { PicHealth } from "../../services/PicHealth.ts"
import type { StateStore } from "../../services/StateStore.ts"
import { TraceStore } from "../../services/TraceStore.ts"
import * as StateKeeper from "./StateKeeper.ts"

/** Name of the exceptions in the state store. */
export const stateName = "exceptions"
/** Bytes of a digest: 96 bits, so that nobody finds a second form for an excepted one. */
const digestBytes = 12
/** Bytes of an id. */
const idBytes = 6

const refused = (detail: string) => new ExceptionsError({ reason: new ExceptionRefused({ detail }) })

/** What is wrong with a request, or `undefined`. */
const problemOf = ({ owner, reason, seconds = exceptionSecondsDefault }: ExceptionRequest): string | undefined => {
  if (!(seconds >= 1 && seconds <= exceptionSecondsMax)) {
    return `an exception lasts from 1 second to ${exceptionSecondsMax / 86_400} days, not ${seconds} seconds`
  }
  if (reason.trim() === "" || reason.length > reasonLengthMax) {
    return `an exception needs a reason of at most ${reasonLengthMax} characters`
  }
  return owner === "" || owner.length > ownerLengthMax
    ? `an exception needs an owner of at most ${ownerLengthMax} characters`
    : undefined
}

const evidence = (exception: Exception) => ({
  exception: exception.id,
  fn: exception.fn,
  decisionId: exception.decisionId,
  owner: exception.owner,
  reason: exception.reason,
  until: exception.until,
  covers: inWords(exception)
})

/** Layer that keeps exceptions in the state store. Stored ones whose MAC does not verify are refused, visibly. */
export const layer: Layer.Layer<
  Exceptions,
  never,
  TraceStore | StateStore | AuditLogger | CryptoCore | PicClock | Alerts | PicHealth
> = Layer.effect(
  Exceptions,
  Effect.gen(function*() {
    const traces = yield* TraceStore
    const audit = yield* AuditLogger
    const crypto = yield* CryptoCore
    const clock = yield* PicClock
    const turn = yield* Semaphore.make(1)
    const book = new ExceptionBook()
    const text = new TextEncoder()
    const digest = (input: string): string =>
      Buffer.from(crypto.sha256Unsafe(text.encode(input)).subarray(0, digestBytes)).toString("base64url")

    const purge = (): void => {
      for (const { fn, hits, id } of book.purge(clock.nowUnsafe())) {
        audit.recordUnsafe("operator", { action: "exception expired", exception: id, fn, hits })
      }
    }
    const kept = yield* StateKeeper.make([{
      name: stateName,
      what: "stored exceptions",
      without: "no exception holds; make them again where they are still wanted",
      snapshot: Effect.sync(() => {
        purge()
        return book.encode()
      }),
      restore: (bytes) => Effect.sync(() => book.restore(bytes) ? undefined : "unknown or damaged format")
    }])

    const allow = (request: ExceptionRequest) =>
      Effect.gen(function*() {
        const problem = problemOf(request)
        if (problem !== undefined) return yield* Effect.fail(refused(problem))
        const { decisionId, owner, reason, seconds = exceptionSecondsDefault } = request
        const entry = yield* Effect.mapError(
          traces.findDecision(decisionId),
          (error) => refused(`the decision cannot be looked up: ${error.detail}`)
        )
        if (entry === undefined) {
          return yield* Effect.fail(new ExceptionsError({ reason: new DecisionNotFound({ decisionId }) }))
        }
        purge()
        if (book.size >= exceptionsMax) {
          return yield* Effect.fail(refused(`there are already ${exceptionsMax} exceptions: revoke one first`))
        }
        const id = `x-${Buffer.from(crypto.randomBytesUnsafe(idBytes)).toString("hex")}`
        const derived = derive({ ...entry, id, reason, owner, seconds, now: clock.nowUnsafe(), digest })
        if (Result.isFailure(derived)) return yield* Effect.fail(refused(derived.failure))
        const exception = derived.success
        const body = { action: "allow", ...evidence(exception) }
        yield* Effect.mapError(
          audit.record("operator", body),
          () => refused("nothing was allowed: the audit record of the exception could not be written")
        )
        book.add(exception)
        yield* kept.save.pipe(
          Effect.onError(() =>
            Effect.sync(() => {
              book.remove(id)
              audit.recordUnsafe("operator", { ...body, refused: "it could not be saved" })
            })
          ),
          Effect.mapError((error) =>
            refused(`nothing was allowed: the exception could not be saved (${error.message})`)
          )
        )
        return exception
      })

    // An exception that is revoked ends now; that it could not be put on record or saved is told by health.
    const revoke = (id: string, owner: string) =>
      Effect.gen(function*() {
        const gone = book.remove(id)
        if (gone === undefined) {
          return yield* Effect.fail(new ExceptionsError({ reason: new ExceptionNotFound({ id }) }))
        }
        yield* Effect.ignore(audit.record("operator", {
          action: "revoke exception",
          exception: id,
          fn: gone.fn,
          hits: gone.hits,
          owner: owner.slice(0, ownerLengthMax)
        }))
        yield* Effect.ignore(kept.save)
        return gone
      })

    return Exceptions.of({
      coverUnsafe: (event, findings) => {
        if (book.size === 0) return undefined
        try {
          return book.cover(event, findings, clock.nowUnsafe(), digest)
        } catch {
          return undefined
        }
      },
      allow: (request) => turn.withPermits(1)(allow(request)),
      revoke: (id, owner) => turn.withPermits(1)(revoke(id, owner)),
      list: Effect.sync(() => {
        purge()
        return book.list()
      })
    })
  })
)
