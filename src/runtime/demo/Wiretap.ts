import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as InProcess from "../../layers/link/InProcess.ts"
import type { BrainCore } from "../../services/BrainCore.ts"
import { BrainLink } from "../../services/BrainLink.ts"

/** An eavesdropper on the link between agent and brain: it sees every envelope and changes none. */
export interface Wiretap {
  readonly layer: Layer.Layer<BrainLink, never, BrainCore>
  /** The next envelope that is sent while `body` runs, with what `body` gives. */
  readonly capture: <A, E, R>(
    body: Effect.Effect<A, E, R>
  ) => Effect.Effect<{ readonly result: A; readonly envelope: Uint8Array | undefined }, E, R>
}

/** A wiretap on the in-process link, which carries the bytes that every link would. */
export const make = (): Wiretap => {
  let listening = false
  let caught: Uint8Array | undefined
  const hear = (frame: Uint8Array): void => {
    if (!listening) return
    listening = false
    // A copy: `slice` of a Buffer would share its bytes.
    caught = new Uint8Array(frame)
  }
  const layer = Layer.effect(
    BrainLink,
    Effect.map(BrainLink, (link) =>
      BrainLink.of({
        ...link,
        sendUnsafe: (frame) => {
          hear(frame)
          return link.sendUnsafe(frame)
        },
        send: (frame) => Effect.andThen(Effect.sync(() => hear(frame)), link.send(frame))
      }))
  ).pipe(Layer.provide(InProcess.layer))
  return {
    layer,
    capture: Effect.fnUntraced(function*(body) {
      caught = undefined
      listening = true
      const result = yield* body
      listening = false
      return { result, envelope: caught }
    })
  }
}
