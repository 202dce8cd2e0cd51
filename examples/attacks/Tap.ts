/** An eavesdropper on the link between agent and brain: it keeps copies of what was sent lately and changes nothing. */
import { Effect, Layer } from "effect"
import * as InProcess from "effect-pic/layers/link/InProcess"
import type { BrainCore } from "effect-pic/services/BrainCore"
import { BrainLink } from "effect-pic/services/BrainLink"

/** Envelopes that are kept, the newest last. */
const kept = 64

export interface Tap {
  readonly layer: Layer.Layer<BrainLink, never, BrainCore>
  readonly requests: () => ReadonlyArray<Uint8Array>
  readonly replies: () => ReadonlyArray<Uint8Array>
  /** Does not listen while `body` runs: the attacker's own envelopes are not worth keeping. */
  readonly deaf: <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export const make = (): Tap => {
  const requests: Array<Uint8Array> = []
  const replies: Array<Uint8Array> = []
  let listening = true
  const keep = (frames: Array<Uint8Array>, frame: Uint8Array): void => {
    if (!listening) return
    frames.push(Uint8Array.from(frame))
    if (frames.length > kept) frames.shift()
  }
  const heard = (reply: Uint8Array): Effect.Effect<void> => Effect.sync(() => keep(replies, reply))
  const layer = Layer.effect(
    BrainLink,
    Effect.map(BrainLink, (link) =>
      BrainLink.of({
        ...link,
        sendUnsafe: (frame) => {
          keep(requests, frame)
          const reply = link.sendUnsafe(frame)
          if (Effect.isEffect(reply)) return Effect.tap(reply, heard)
          keep(replies, reply)
          return reply
        },
        send: (frame) =>
          Effect.suspend(() => {
            keep(requests, frame)
            return Effect.tap(link.send(frame), heard)
          })
      }))
  ).pipe(Layer.provide(InProcess.layer))
  return {
    layer,
    requests: () => requests,
    replies: () => replies,
    deaf: (body) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          listening = false
        }),
        () => body,
        () =>
          Effect.sync(() => {
            listening = true
          })
      )
  }
}
