/**
 * The five lines: wrap a function, provide `Pic.layer`, and an unusual call is blocked before it runs.
 *
 * Run it with `npm run examples`.
 */
import { Cause, Context, Effect, Exit, Layer } from "effect"
import { CallBlocked, Monitor, Pic } from "effect-pic"
import * as assert from "node:assert/strict"

class Ledger extends Context.Service<Ledger, {
  readonly move: (from: string, to: string, cents: number) => Effect.Effect<string>
  readonly moved: Effect.Effect<number>
}>()("effect-pic/examples/quick-start/Ledger") {
  static readonly layer = Layer.sync(Ledger, () => {
    let moved = 0
    return Ledger.of({
      move: (from, to, cents) => Effect.sync(() => `receipt ${++moved}: ${cents} from ${from} to ${to}`),
      moved: Effect.sync(() => moved)
    })
  })
}

// The function keeps its type and gains one error: (from, to, cents) => Effect<string, CallBlocked, Ledger | Monitor>
const transfer = Monitor.wrap(
  "payments.transfer",
  (from: string, to: string, cents: number) => Ledger.use((ledger) => ledger.move(from, to, cents))
)

const program = Effect.gen(function*() {
  // While it learns, every call runs: ten seconds of business by default, here until we say that this was all.
  const learned = 1_500
  for (let n = 0; n < learned; n++) {
    yield* transfer(`acct-${1_000 + n * 7 % 900}`, `acct-${1_000 + n * 13 % 900}`, 500 + n * 37 % 9_000)
  }

  yield* Pic.finishLearning

  // More of the same still runs.
  const receipt = yield* transfer("acct-1234", "acct-1777", 4_200)
  assert.match(receipt, /4200 from acct-1234 to acct-1777/)

  // Something that no call ever looked like does not.
  const attack = yield* Effect.exit(transfer("acct-1234", "acct-1777'; DROP TABLE accounts;--", 4_200))
  const error = Exit.isFailure(attack) ? Cause.squash(attack.cause) : undefined
  assert.ok(error instanceof CallBlocked)
  assert.equal(error.reason._tag, "Anomalous")

  // It was never started.
  assert.equal(yield* Ledger.use((ledger) => ledger.moved), learned + 1)
})

// `Pic.layer` is all that is needed; the settings only end the learning by hand and keep this example's state in memory.
const protection = Pic.layerWith({
  settings: {
    rollout: { mode: "enforce" },
    brain: { min_seconds: 3_600 },
    storage: { directory: "memory" }
  }
})

await Effect.runPromise(program.pipe(Effect.provide([protection, Ledger.layer])))
