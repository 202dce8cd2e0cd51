import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { epochsPerSenderMax, sendersMax } from "../../src/domain/wire/ReplayRule.ts"
import { nonceLength, NonceSequence } from "../../src/domain/wire/Nonce.ts"
import { ReplayGuard } from "../../src/services/ReplayGuard.ts"
import { makeRandom } from "../support/Seeded.ts"

/** A fresh guard on a clock that the test moves, with the default freshness of 300 s back and 5 s ahead. */
export interface Subject {
  readonly layer: Layer.Layer<ReplayGuard>
  readonly now: () => number
  /** Moves the clock, and lets a second of background work happen. */
  readonly advance: (ms: number) => Effect.Effect<void>
}

const random = makeRandom(11)
const makeNonces = () => {
  const sequence = new NonceSequence((length) => random.bytes(length))
  return () => {
    const nonce = new Uint8Array(nonceLength)
    sequence.next(nonce, 0)
    return nonce
  }
}

/** What every ReplayGuard promises. */
export const suite = (name: string, make: () => Subject) =>
  describe(`ReplayGuard (${name})`, () => {
    const test = (title: string, body: (guard: ReplayGuard["Service"], subject: Subject) => Effect.Effect<void>) =>
      it.effect(title, () => {
        const subject = make()
        return Effect.gen(function*() {
          const guard = yield* ReplayGuard
          yield* subject.advance(1)
          yield* body(guard, subject)
        }).pipe(Effect.provide(subject.layer))
      })

    test("accepts a nonce once, by either method", (guard, { now }) =>
      Effect.gen(function*() {
        const next = makeNonces()
        const nonce = next()
        assert.isFalse(yield* guard.isReplayAttack("a", nonce, now()))
        assert.strictEqual(guard.acceptUnsafe("a", nonce, now()), "accepted")
        assert.isTrue(yield* guard.isReplayAttack("a", nonce, now()))
        assert.strictEqual(yield* guard.accept("a", nonce, now()), "replayed")
        assert.strictEqual(guard.acceptUnsafe("b", nonce, now()), "accepted", "another sender has its own nonces")
        assert.strictEqual(yield* guard.accept("a", next(), now()), "accepted")
      }))

    test("looking changes nothing", (guard, { now }) =>
      Effect.gen(function*() {
        const nonce = makeNonces()()
        for (let i = 0; i < 3; i++) assert.isFalse(yield* guard.isReplayAttack("a", nonce, now()))
        assert.strictEqual((yield* guard.status).senders, 0)
        assert.strictEqual(guard.acceptUnsafe("a", nonce, now()), "accepted")
      }))

    test("accepts 1,000 frames in flight in any order", (guard, { now }) =>
      Effect.sync(() => {
        const next = makeNonces()
        const flight = Array.from({ length: 1_000 }, next)
        for (const nonce of flight.toReversed()) assert.strictEqual(guard.acceptUnsafe("a", nonce, now()), "accepted")
        for (const nonce of flight) assert.strictEqual(guard.acceptUnsafe("a", nonce, now()), "replayed")
      }))

    test("refuses what is not fresh, to the millisecond", (guard, { advance, now }) =>
      Effect.gen(function*() {
        const next = makeNonces()
        assert.strictEqual(guard.acceptUnsafe("a", next(), now() + 5_001), "future")
        const signed = now()
        yield* advance(300_000)
        assert.strictEqual(guard.acceptUnsafe("a", next(), signed - 1), "stale")
        assert.strictEqual(guard.acceptUnsafe("a", next(), signed), "accepted")
      }))

    test("refuses what is no nonce and no time", (guard, { now }) =>
      Effect.sync(() => {
        const versionless = makeNonces()()
        versionless[6] = 0x40
        for (const nonce of [versionless, new Uint8Array(0), new Uint8Array(15), new Uint8Array(16)]) {
          assert.strictEqual(guard.acceptUnsafe("a", nonce, now()), "malformed")
        }
        for (const time of [NaN, Infinity, -Infinity]) {
          assert.strictEqual(guard.acceptUnsafe("a", makeNonces()(), time), "malformed")
        }
      }))

    test(
      "remembers a bounded number of senders and epochs, refuses more, and makes room by time",
      (guard, { advance, now }) =>
        Effect.gen(function*() {
          const first = makeNonces()()
          for (let i = 0; i < epochsPerSenderMax; i++) {
            assert.strictEqual(guard.acceptUnsafe("s0", i === 0 ? first : makeNonces()(), now()), "accepted")
          }
          assert.strictEqual(guard.acceptUnsafe("s0", makeNonces()(), now()), "capacity")
          const next = makeNonces()
          for (let i = 1; i < sendersMax; i++) {
            assert.strictEqual(guard.acceptUnsafe(`s${i}`, next(), now()), "accepted")
          }
          for (let i = 0; i < 2_000; i++) {
            assert.strictEqual(guard.acceptUnsafe(`flood${i}`, next(), now()), "capacity")
          }
          assert.strictEqual(guard.acceptUnsafe("s0", first, now()), "replayed")
          const { bytes, senders } = yield* guard.status
          assert.strictEqual(senders, sendersMax)
          assert.isAtMost(bytes / senders, 1_024)
          yield* advance(301_000)
          assert.strictEqual(yield* guard.cleanupOldNonces, sendersMax - 1 + epochsPerSenderMax)
          assert.strictEqual((yield* guard.status).senders, 0)
        })
    )
  })
