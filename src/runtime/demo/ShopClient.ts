import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as Layer from "effect/Layer"
import { PicClock } from "../../services/PicClock.ts"
import { ShopApi } from "./ShopApi.ts"
import { type ShopCall, type ShopRequest, type Visit } from "./ShopTraffic.ts"
import { type Answer, type Ending, Tally } from "./Tally.ts"

/** Sends requests to the shop over HTTP. */
export class ShopClient extends Context.Service<ShopClient, {
  /** One request; an answer that is neither a result nor a refusal is `broken`. */
  readonly send: (request: ShopRequest) => Effect.Effect<Answer>
  /**
   * All visits, at `perSecond` calls a second in all (`Infinity`: as fast as answers come), each visit's calls in
   * order. `onAnswer` sees every answer.
   */
  readonly visit: (
    visits: ReadonlyArray<Visit>,
    perSecond: number,
    onAnswer?: (answer: Answer) => void
  ) => Effect.Effect<Tally>
  /** All requests so far and the decision ids of the refused ones: the client's own count, to check ours against. */
  readonly totals: Effect.Effect<{ readonly sent: number; readonly refusals: ReadonlyArray<string> }>
}>()("effect-pic/runtime/demo/ShopClient") {}

/** Visitors who are on the site at the same time. */
const lanes = 8

const make = Effect.gen(function*() {
  const clock = yield* PicClock
  const server = yield* HttpServer.HttpServer
  const address = server.address
  if (address._tag !== "InetAddressV4") return yield* Effect.die(new Error("the demo's shop listens on loopback TCP"))
  const { shop } = yield* HttpApiClient.make(ShopApi, { baseUrl: `http://127.0.0.1:${address.port}` })

  const ask = (call: ShopCall, session: string) => {
    const headers = { "x-session": session }
    switch (call.operation) {
      case "search":
        return Effect.asVoid(shop.search({ headers, query: { q: call.query, page: call.page } }))
      case "login":
        return Effect.asVoid(shop.login({ headers, payload: { user: call.user, password: call.password } }))
      case "profile":
        return Effect.asVoid(shop.profile({ headers, query: { email: call.email } }))
      case "order": {
        const { customer, address, postal } = call
        return Effect.asVoid(shop.order({ headers, payload: { customer, address, postal } }))
      }
      case "transfer":
        return Effect.asVoid(shop.transfer({ headers, payload: { from: call.from, to: call.to, cents: call.cents } }))
    }
  }

  let sent = 0
  const refusals: Array<string> = []
  const send = Effect.fnUntraced(function*({ call, kind, session }: ShopRequest) {
    const began = clock.nowUnsafe()
    sent++
    const { decisionId, ending } = yield* ask(call, session).pipe(
      Effect.match({
        onSuccess: () => ({ ending: "ran" as Ending, decisionId: "" }),
        onFailure: (error) => {
          if (error._tag === "Forbidden") return { ending: "blocked" as Ending, decisionId: error.decisionId }
          if (error._tag === "Unprotected") return { ending: "unavailable" as Ending, decisionId: error.decisionId }
          return { ending: "broken" as Ending, decisionId: "" }
        }
      })
    )
    if (ending === "blocked" || ending === "unavailable") refusals.push(decisionId)
    return { operation: call.operation, kind, session, ending, decisionId, ms: clock.nowUnsafe() - began }
  })

  const visit = Effect.fnUntraced(function*(
    visits: ReadonlyArray<Visit>,
    perSecond: number,
    onAnswer?: (answer: Answer) => void
  ) {
    const tally = new Tally()
    const began = clock.nowUnsafe()
    const intervalMs = lanes * 1_000 / perSecond
    yield* Effect.forEach(Array.from({ length: lanes }, (_, lane) => lane), (lane) =>
      Effect.gen(function*() {
        let dueMs = began + lane * intervalMs / lanes
        for (let at = lane; at < visits.length; at += lanes) {
          for (const request of visits[at] ?? []) {
            const waitMs = dueMs - clock.nowUnsafe()
            if (waitMs >= 1) yield* Effect.sleep(waitMs)
            const answer = yield* send(request)
            tally.answers.push(answer)
            onAnswer?.(answer)
            // A stall is not made up for: a burst after it would be traffic that no visitor makes.
            dueMs = Math.max(dueMs + intervalMs, clock.nowUnsafe())
          }
        }
      }), { concurrency: "unbounded", discard: true })
    return tally
  })

  return ShopClient.of({ send, visit, totals: Effect.sync(() => ({ sent, refusals: refusals.slice() })) })
})

/** A client of the shop that listens on `HttpServer`. */
export const layer: Layer.Layer<ShopClient, never, HttpServer.HttpServer | PicClock> = Layer.effect(ShopClient, make)
  .pipe(
    Layer.provide(FetchHttpClient.layer)
  )
