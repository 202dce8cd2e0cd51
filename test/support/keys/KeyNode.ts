import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { MacKey } from "../../../src/domain/keys/MacKey.ts"
import { writeEvent } from "../../../src/domain/wire/EventCodec.ts"
import * as PicClockLayer from "../../../src/layers/agent/PicClock.ts"
import * as SecureTransportLayer from "../../../src/layers/agent/SecureTransport.ts"
import * as ReplayGuardLayer from "../../../src/layers/brain/ReplayGuard.ts"
import * as SecurityValidatorLayer from "../../../src/layers/brain/SecurityValidator.ts"
import * as CryptoCoreLayer from "../../../src/layers/crypto/CryptoCore.ts"
import { FrameCodec } from "../../../src/layers/crypto/FrameCodec.ts"
import * as KeyManagerLayer from "../../../src/layers/crypto/KeyManager.ts"
import { CryptoCore } from "../../../src/services/CryptoCore.ts"
import { KeyManager } from "../../../src/services/KeyManager.ts"
import { PicClock } from "../../../src/services/PicClock.ts"
import { SecureTransport } from "../../../src/services/SecureTransport.ts"
import { SecurityValidator } from "../../../src/services/SecurityValidator.ts"
import { sampleEvent } from "../Arbitraries.ts"
import { layerConfig, makeReports } from "../Signing.ts"

/** How long messages live here, in seconds: retired keys are disabled five seconds later, while the test still runs. */
export const messageSeconds = 10

/** What became of frames that were all validly signed, by verdict. */
export type Verdicts = Record<string, number>

export const addVerdicts = (to: Verdicts, more: Verdicts): void => {
  for (const [kind, count] of Object.entries(more)) to[kind] = (to[kind] ?? 0) + count
}

/** Refusals that say something about keys; a message may also have become too old on its way. */
export const keyRefusals = (verdicts: Verdicts): number =>
  (verdicts["unknown_key"] ?? 0) + (verdicts["bad_signature"] ?? 0)

/** An agent and a brain over a keyset file that others share, on the real clock. */
export interface KeyNode {
  readonly keys: KeyManager["Service"]
  readonly sign: (count: number) => Array<Uint8Array>
  readonly verify: (frames: ReadonlyArray<Uint8Array>) => Verdicts
  /** A fresh message signed with a key kept from earlier, whatever its state. */
  readonly signWith: (key: MacKey) => Uint8Array
}

type Replace = (keys: KeyManager["Service"]) => KeyManager["Service"]

/** Opens a node; `replace` plants a bug into the keys that it verifies with. */
export const openNode = Effect.fnUntraced(function*(directory: string, replace: Replace = (keys) => keys) {
  const base = Layer.mergeAll(
    CryptoCoreLayer.layer,
    PicClockLayer.layer,
    layerConfig({ storage: { directory }, crypto: { nonce_expiry_seconds: messageSeconds } }),
    makeReports().layer
  )
  const keysLayer = Layer.effect(
    KeyManager,
    Effect.map(
      Effect.map(Layer.build(Layer.fresh(KeyManagerLayer.layerFileShared)), Context.get(KeyManager)),
      replace
    )
  )
  const layer = Layer.mergeAll(SecureTransportLayer.layer, SecurityValidatorLayer.layer).pipe(
    Layer.provideMerge(Layer.mergeAll(keysLayer, ReplayGuardLayer.layerMemory)),
    Layer.provideMerge(base)
  )
  const context = yield* Layer.build(Layer.fresh(layer))
  const keys = Context.get(context, KeyManager)
  const transport = Context.get(context, SecureTransport)
  const validator = Context.get(context, SecurityValidator)
  let kept: MacKey | undefined
  const stubborn: KeyManager["Service"] = {
    ...keys,
    getActiveKeyUnsafe: (purpose) => kept ?? keys.getActiveKeyUnsafe(purpose)
  }
  const codec = new FrameCodec(Context.get(context, CryptoCore), stubborn, Context.get(context, PicClock).nowUnsafe)
  const signWith = (key: MacKey): Uint8Array => {
    kept = key
    codec.start("event", "stubborn#1", undefined)
    writeEvent(codec.writer, sampleEvent)
    return codec.sign()
  }
  const node: KeyNode = {
    keys,
    sign: (count) => Array.from({ length: count }, () => transport.signEventUnsafe(sampleEvent).frame),
    verify: (frames) => {
      const verdicts: Verdicts = {}
      for (const frame of frames) {
        const result = validator.verifyEventUnsafe(frame)
        addVerdicts(verdicts, { [Result.isSuccess(result) ? "accepted" : result.failure.kind]: 1 })
      }
      return verdicts
    },
    signWith
  }
  return node
})
