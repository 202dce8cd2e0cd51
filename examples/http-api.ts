/**
 * An HttpApi whose handlers call protected functions. The client learns that a call was blocked and its decision id,
 * never why: the explanation is for the operator.
 *
 * Run it with `npm run examples`.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { type CallBlocked, Monitor, Pic } from "effect-pic"
import { HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import * as assert from "node:assert/strict"

class Forbidden
  extends Schema.TaggedError<Forbidden>()("Forbidden", { decisionId: Schema.String }, { httpApiStatus: 403 })
{}

class Api extends HttpApi.make("library").add(
  HttpApiGroup.make("books").add(
    HttpApiEndpoint.get("search", "/books", {
      headers: { "x-session": Schema.String },
      query: { title: Schema.String },
      success: Schema.Array(Schema.String),
      error: Forbidden
    })
  )
) {}

const titles = ["a tale of two cities", "the old man and the sea", "the count of monte cristo", "war and peace"]

const search = Monitor.wrap(
  "books.search",
  (title: string) => Effect.succeed(titles.filter((candidate) => candidate.includes(title)))
)

const forbidden = (error: CallBlocked) => new Forbidden({ decisionId: error.decisionId })

const Books = HttpApiBuilder.group(Api, "books", (handlers) =>
  Effect.succeed(handlers.handleAll({
    search: ({ headers, query }) =>
      search(query.title).pipe(Monitor.withSession(headers["x-session"]), Effect.mapError(forbidden))
  })))

const program = Effect.gen(function*() {
  const client = yield* HttpApiClient.make(Api)
  const ask = (title: string, session: string) =>
    client.books.search({ headers: { "x-session": session }, query: { title } })

  const words = titles.flatMap((title) => title.split(" "))
  for (let n = 0; n < 1_500; n++) {
    yield* ask(`${words[n % words.length]} ${words[n * 7 % words.length]}`, `visitor-${n % 60}`)
  }

  yield* Pic.finishLearning

  assert.deepEqual(yield* ask("the old", "visitor-7"), ["the old man and the sea"])

  const refused = yield* Effect.flip(ask("' UNION SELECT name, password FROM users --", "visitor-7"))
  assert.ok(refused instanceof Forbidden)
  assert.notEqual(refused.decisionId, "")
})

const protection = Pic.layerWith({
  settings: {
    rollout: { mode: "enforce" },
    brain: { min_seconds: 3_600 },
    storage: { directory: "memory" }
  }
})

// A real server on a free port of this machine, and a client that knows where it is.
const Server = HttpRouter.serve(HttpApiBuilder.layer(Api).pipe(Layer.provide(Books)), {
  disableLogger: true,
  disableListenLog: true
}).pipe(Layer.provideMerge(NodeHttpServer.layerTest))

await Effect.runPromise(program.pipe(Effect.provide(Layer.provideMerge(Server, protection))))
