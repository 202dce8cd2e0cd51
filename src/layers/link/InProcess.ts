import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BrainCore } from "../../services/BrainCore.ts"
import { BrainLink } from "../../services/BrainLink.ts"

/** Layer that hands signed frames to a brain in the same process. The bytes are the same as on any other link. */
export const layer: Layer.Layer<BrainLink, never, BrainCore> = Layer.effect(
  BrainLink,
  Effect.map(BrainCore, (brain) =>
    BrainLink.of({
      kind: "in-process",
      sendUnsafe: brain.receiveUnsafe,
      send: (frame) =>
        Effect.suspend(() => {
          const reply = brain.receiveUnsafe(frame)
          return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
        }),
      isAvailable: brain.isAvailable,
      local: { judgeUnsafe: brain.judgeUnsafe, judgeNowUnsafe: brain.judgeNowUnsafe }
    }))
)
