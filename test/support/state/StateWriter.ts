/**
 * A process that saves values in turn and prints the name and number of every save that was acknowledged, and `failed` for
 * every one that was not. Arguments: directory, number of saves, how it synchronises (see LimitedWriter), and the keyset.
 */
import { Effect, Exit } from "effect"
import { writeSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { StateStore } from "../../../src/services/StateStore.ts"
import { keysIn, layerIn, names, valueOf } from "./StateFile.ts"

const [directory = "", count = "0", synchronous = "FULL", keyset = ""] = process.argv.slice(2)

if (synchronous === "NORMAL") {
  const { exec, prepare } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function(sql) {
    return exec.call(this, sql.replace("synchronous = FULL", "synchronous = NORMAL"))
  }
  DatabaseSync.prototype.prepare = function(sql, options) {
    return prepare.call(this, sql === "PRAGMA synchronous" ? "SELECT 2" : sql, options)
  }
}

const life = (from: number, to: number) =>
  Effect.gen(function*() {
    const store = yield* StateStore
    for (let n = from; n < to; n++) {
      const name = names[n % names.length]!
      const outcome = yield* Effect.exit(store.save(name, valueOf(name, n)))
      // Synchronous, so that an acknowledgement is out of the process before the next save is begun.
      writeSync(1, Exit.isSuccess(outcome) ? `${name} ${n}\n` : `failed ${n}\n`)
    }
  }).pipe(
    Effect.provide(layerIn(directory), { local: true }),
    Effect.catch(() => Effect.sync(() => writeSync(1, "failed to open\n")))
  )

// Only the last save is made by a second life: it must find what the first one left of all the other names.
const last = Number(count)
await Effect.runPromise(
  Effect.andThen(life(1, last), life(last, last + 1)).pipe(Effect.provide(keysIn(keyset)))
)
