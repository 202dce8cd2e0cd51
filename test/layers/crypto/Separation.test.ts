import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { clear } from "../../../src/domain/BackpressureSignal.ts"
import { type Direction, directionOf, type MacKey, type Purpose } from "../../../src/domain/keys/MacKey.ts"
import type { OutcomeReport } from "../../../src/domain/Outcome.ts"
import { FrameCodec } from "../../../src/layers/crypto/FrameCodec.ts"
import * as KeyManagerLayer from "../../../src/layers/crypto/KeyManager.ts"
import { CryptoCore } from "../../../src/services/CryptoCore.ts"
import { KeyManager } from "../../../src/services/KeyManager.ts"
import { SecureTransport } from "../../../src/services/SecureTransport.ts"
import { SecurityValidator } from "../../../src/services/SecurityValidator.ts"
import { sampleDecision, sampleEvent } from "../../support/Arbitraries.ts"
import { epochMs, makeBase, makeLink, makeReports } from "../../support/Signing.ts"
import { temporaryDirectory } from "../store/Setup.ts"

const links = ["event", "events", "outcomes", "decision", "decisions", "ack"] as const
const purposes: ReadonlyArray<Purpose> = [...links, "audit", "state", "operator"]
const directions: ReadonlyArray<Direction> = ["to_brain", "to_agent"]
const sampleOutcome: OutcomeReport = {
  eventId: sampleEvent.id,
  fn: sampleEvent.fn,
  timestamp: epochMs,
  outcome: { kind: "success", tag: "", durationMs: 1 }
}
const data = Buffer.from("what is signed")

interface Signer {
  readonly label: string
  readonly key: MacKey
}

/** Every pair of keys of which one verifies what the other signed. */
const confused = (crypto: CryptoCore["Service"], signers: ReadonlyArray<Signer>): ReadonlyArray<string> =>
  signers.flatMap((signer) => {
    const mac = Uint8Array.from(crypto.macUnsafe(signer.key, data))
    return signers
      .filter((other) => other !== signer && crypto.verifyMacUnsafe(other.key, data, mac))
      .map((other) => `${signer.label} verifies as ${other.label}`)
  })

describe("keys are separated", () => {
  it.effect("every purpose x key x boot: nothing verifies as anything else, but what outlives a boot as itself", () =>
    Effect.gen(function*() {
      const base = makeBase({ storage: { directory: yield* temporaryDirectory } })
      const open = Layer.fresh(KeyManagerLayer.layerFile).pipe(
        Layer.provide(Layer.mergeAll(base.layer, makeReports().layer))
      )
      const first = Context.get(yield* Layer.build(open), KeyManager)
      yield* first.rotateKeys
      const second = Context.get(yield* Layer.build(open), KeyManager)
      const ids = (yield* first.list).keys.map((key) => key.id)
      assert.lengthOf(ids, 3)
      const signers = [first, second].flatMap((keys, boot) =>
        ids.flatMap((id) =>
          purposes.map((purpose) => ({
            label: `${boot}/${id}/${purpose}`,
            key: keys.verifyKeyUnsafe(purpose, id)!
          }))
        )
      )
      const expected = signers
        .filter(({ label }) => /audit|state|operator/.test(label))
        .map(({ label }) => `${label} verifies as ${1 - Number(label[0])}${label.slice(1)}`)
      const found = yield* Effect.map(CryptoCore, (crypto) => confused(crypto, signers)).pipe(
        Effect.provide(base.layer)
      )
      assert.lengthOf(signers, 54)
      assert.deepStrictEqual(found.toSorted(), expected.toSorted())
    }))

  it.effect("every purpose x direction of one root is a key of its own", () =>
    Effect.gen(function*() {
      const crypto = yield* CryptoCore
      const root = Redacted.make(new Uint8Array(32).fill(7))
      const derive = (purpose: string, info: string): Signer => ({
        label: JSON.stringify([purpose, info]),
        key: crypto.deriveKeyUnsafe(root, { id: "k", purpose, info })
      })
      const infos = ["durable", ...directions.flatMap((way) => ["", "boot"].map((boot) => `link\0${way}\0${boot}`))]
      const signers = purposes.flatMap((purpose) => infos.map((info) => derive(purpose, info)))
      assert.lengthOf(signers, 45)
      assert.deepStrictEqual(confused(crypto, signers), [])
      const twin = derive("event", "durable")
      assert.lengthOf(confused(crypto, [...signers, twin]), 2, "positive control: one key under two names is found")
    }).pipe(Effect.provide(makeBase().layer)))

  it.effect("a frame of one purpose and direction is refused under every other, and under every other key", () => {
    const link = makeLink()
    return Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const keys = yield* KeyManager
      const codec = new FrameCodec(yield* CryptoCore, keys, () => epochMs)
      const request = Result.getOrThrow(validator.verifyEventUnsafe(transport.signEventUnsafe(sampleEvent).frame))
      const frames = [
        transport.signEventUnsafe(sampleEvent).frame,
        transport.signEventsUnsafe([sampleEvent]).frame,
        transport.signOutcomesUnsafe([sampleOutcome]).frame,
        validator.signDecisionUnsafe(request, sampleDecision, clear),
        validator.signDecisionsUnsafe(request, [sampleDecision], clear),
        validator.signAckUnsafe(request, clear)
      ]
      const verdict = (frame: Uint8Array) => {
        const opened = codec.open(frame, () => true)
        return Result.isSuccess(opened) ? opened.success.header.purpose : opened.failure.kind
      }
      const [primary, backup] = (yield* keys.list).keys
      for (const [code, frame] of frames.entries()) {
        assert.strictEqual(verdict(frame), links[code])
        for (const [claimed, purpose] of links.entries()) {
          for (const direction of [0, 1, 2, 3]) {
            if (claimed === code && direction === frame[2]) continue
            const altered = Uint8Array.from(frame)
            altered[1] = claimed
            altered[2] = direction
            const consistent = directions[direction - 1] === directionOf(purpose)
            const refusal = verdict(altered)
            assert.include(consistent ? ["bad_signature", "malformed"] : ["malformed"], refusal)
          }
        }
        const renamed = Buffer.from(frame)
        renamed.write(backup!.id, renamed.indexOf(primary!.id), "latin1")
        assert.strictEqual(verdict(renamed), "bad_signature")
      }
    }).pipe(Effect.provide(link.layer))
  })
})
