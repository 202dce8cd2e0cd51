import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import type { CallBlocked } from "../../domain/CallBlocked.ts"
import * as Monitor from "../Monitor.ts"
import { Shop } from "./Shop.ts"
import { Forbidden, ShopApi, Unprotected } from "./ShopApi.ts"
import { Stopwatch } from "./Stopwatch.ts"

const begin = <A>(body: (shop: Shop["Service"]) => Effect.Effect<A>) =>
  Effect.gen(function*() {
    const shop = yield* Shop
    const stopwatch = yield* Stopwatch
    return yield* stopwatch.begin(body(shop))
  })

/** The five operations of the shop, protected: this is all that an application writes. */
const operations = {
  search: Monitor.wrap("shop.search", (query: string, page: number) => begin((shop) => shop.search(query, page))),
  login: Monitor.wrap("shop.login", (user: string, password: string) => begin((shop) => shop.login(user, password))),
  profile: Monitor.wrap("shop.profile", (email: string) => begin((shop) => shop.profile(email))),
  order: Monitor.wrap(
    "shop.order",
    (customer: string, address: string, postal: string) => begin((shop) => shop.order(customer, address, postal))
  ),
  transfer: Monitor.wrap(
    "shop.transfer",
    (from: string, to: string, cents: number) => begin((shop) => shop.transfer(from, to, cents)),
    { priority: "high" }
  )
}

/** Names of the protected functions. */
export const functionNames = Object.keys(operations).map((operation) => `shop.${operation}`)

const refuse = (error: CallBlocked): Forbidden | Unprotected =>
  error.reason._tag === "FailedClosed"
    ? new Unprotected({ decisionId: error.decisionId })
    : new Forbidden({ decisionId: error.decisionId })

const protect = <A, R>(session: string, call: Effect.Effect<A, CallBlocked, R>) =>
  Stopwatch.use((stopwatch) => stopwatch.enter(call)).pipe(Monitor.withSession(session), Effect.mapError(refuse))

const handlers = HttpApiBuilder.group(ShopApi, "shop", (handlers) =>
  Effect.succeed(handlers.handleAll({
    search: ({ headers, query }) => protect(headers["x-session"], operations.search(query.q, query.page)),
    login: ({ headers, payload }) => protect(headers["x-session"], operations.login(payload.user, payload.password)),
    profile: ({ headers, query }) => protect(headers["x-session"], operations.profile(query.email)),
    order: ({ headers, payload }) =>
      protect(headers["x-session"], operations.order(payload.customer, payload.address, payload.postal)),
    transfer: ({ headers, payload }) =>
      protect(headers["x-session"], operations.transfer(payload.from, payload.to, payload.cents))
  })))

/** The protected shop on a free port of the loopback interface. */
export const layer: Layer.Layer<
  HttpServer.HttpServer,
  HttpServerError.ServeError,
  Monitor.Monitor | Shop | Stopwatch
> = HttpRouter.serve(HttpApiBuilder.layer(ShopApi).pipe(Layer.provide(handlers)), {
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, {
    host: "127.0.0.1",
    port: 0,
    // The demo's own client keeps its connections open until the end; there is nobody to wait for.
    gracefulShutdownTimeout: 0
  }))
)
