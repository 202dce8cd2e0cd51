import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Keyset from "../../../src/domain/keys/Keyset.ts"
import * as KeysetDocument from "../../../src/domain/keys/KeysetDocument.ts"
import * as CryptoCoreLayer from "../../../src/layers/crypto/CryptoCore.ts"
import { freshKey } from "../../../src/layers/crypto/KeysetStore.ts"
import { CryptoCore } from "../../../src/services/CryptoCore.ts"
import { hash } from "./Keysets.ts"
import { openNode } from "./KeyNode.ts"

/** Rotates as often as asked, and says after each rotation, at once, which generation is durable now. */
const [directory = "", times = "0", mode = "shipped"] = process.argv.slice(2)

const say = (line: string): void => void Fs.writeSync(1, `${line}\n`)

const shipped = Effect.gen(function*() {
  const { keys } = yield* openNode(directory)
  const rotate = Effect.match(keys.rotateKeys, {
    onSuccess: ({ generation }) => say(`acknowledged ${generation}`),
    onFailure: (error) => say(`failed ${error.message}`)
  })
  const limit = times === "0" ? Infinity : Number(times)
  for (let i = 0; i < limit; i++) {
    yield* rotate
    // Room for the others: the lock is not fair to those who wait for it.
    yield* Effect.sleep("5 millis")
  }
})

/** The planted bug: the file is written in place, so that it is cut while it is being written. */
const inPlace = Effect.gen(function*() {
  const crypto = yield* CryptoCore
  const path = Path.join(directory, "keyset.json")
  for (;;) {
    const current = Result.getOrThrow(KeysetDocument.parse(Fs.readFileSync(path, "utf8"), hash))
    const fresh = freshKey(crypto)
    const next = Result.getOrThrow(Keyset.apply(current, { _tag: "Rotate", fresh, now: current.generation }))
    const text = KeysetDocument.print(next, hash)
    Fs.writeFileSync(path, text.slice(0, text.length / 2))
    Fs.appendFileSync(path, text.slice(text.length / 2))
    say(`acknowledged ${next.generation}`)
    yield* Effect.yieldNow
  }
}).pipe(Effect.provide(CryptoCoreLayer.layer))

void Effect.runPromise(Effect.scoped(mode === "in-place" ? inPlace : shipped)).then(() => process.exit(0))
