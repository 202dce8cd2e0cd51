/**
 * Reading decisions as a stream: for a dashboard, an alarm, or to see what enforcement would block before turning it on.
 *
 * Run it with `npm run examples`.
 */
import { Effect, Fiber, Ref, Stream } from "effect"
import { Monitor, Pic } from "effect-pic"
import { CellAgent } from "effect-pic/services/CellAgent"
import * as assert from "node:assert/strict"

const lookUp = Monitor.wrap("customers.lookUp", (name: string) => Effect.succeed(`customer ${name}`))

const names = ["ana lopez", "bruno silva", "carla rossi", "dmitri petrov", "emeka obi", "freya olsen", "goran kos"]
const learned = 1_500

const program = Effect.gen(function*() {
  const suspicious = yield* Ref.make<ReadonlyArray<string>>([])
  const bySource = yield* Ref.make<ReadonlyMap<string, number>>(new Map())

  // Every decision goes by here; this one counts their sources and keeps what would have been blocked.
  const watcher = yield* Monitor.decisions.pipe(
    Stream.tap(({ decision }) =>
      Ref.update(bySource, (counts) => new Map(counts).set(decision.source, (counts.get(decision.source) ?? 0) + 1))
    ),
    Stream.filter(({ decision }) => decision.wouldBlock),
    Stream.runForEach(({ decision, fn }) =>
      Ref.update(suspicious, (all) => [...all, `${fn}: ${decision.findings[0]?.seen ?? ""}`])
    ),
    Effect.forkChild({ startImmediately: true })
  )

  // Observing is the default: calls never wait for their verdict, and everything runs.
  const agent = yield* CellAgent
  for (let n = 0; n < learned; n++) {
    yield* lookUp(`${names[n % names.length]} ${names[n * 5 % names.length]?.split(" ")[1]}`)
    if (n % 100 === 0) yield* agent.flush
  }
  yield* agent.flush
  yield* Pic.finishLearning
  const answer = yield* lookUp("ana' OR '1'='1")
  assert.equal(answer, "customer ana' OR '1'='1")

  yield* agent.flush
  yield* Ref.get(suspicious).pipe(
    Effect.andThen((all) => all.length > 0 ? Effect.void : Effect.fail("not yet")),
    Effect.retry({ times: 100, while: () => true }),
    Effect.ignore
  )
  yield* Fiber.interrupt(watcher)

  const seen = yield* Ref.get(suspicious)
  assert.ok(
    seen.some((line) => line.startsWith("customers.lookUp: ")),
    "the attack was seen, and would have been blocked"
  )
  const counts = yield* Ref.get(bySource)
  assert.equal([...counts.values()].reduce((sum, count) => sum + count, 0), learned + 1)
  assert.ok((counts.get("training") ?? 0) > 0)
  assert.ok((counts.get("observe") ?? 0) > 0)
})

const protection = Pic.layerWith({
  settings: { brain: { min_seconds: 3_600 }, storage: { directory: "memory" } }
})

await Effect.runPromise(program.pipe(Effect.provide(protection)))
