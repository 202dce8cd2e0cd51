import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChaosFault, type ChaosOptions, ChaosPlan } from "../../domain/ChaosPlan.ts"
import { BrainLink, BrainLinkError, LinkPartitioned } from "../../services/BrainLink.ts"

/** Replies that are remembered to be handed out again out of order. */
const remembered = 16

const lost = Effect.fail(new BrainLinkError({ reason: new LinkPartitioned({ detail: "chaos: the link failed" }) }))

/** A link with faults, and how often each of them fired. */
export interface ChaosLink {
  readonly layer: Layer.Layer<BrainLink, never, BrainLink>
  readonly fired: () => Readonly<Record<ChaosFault | "none", number>>
  /** Changes the faults from the next message on. */
  readonly set: (options: Omit<ChaosOptions, "seed">) => void
}

/**
 * Wraps another link and makes it fail as a network does, reproducibly by seed: messages are dropped (never answered),
 * delayed, duplicated, reordered (an older reply comes instead), corrupted by one bit on the way there or back, or fail at
 * once. Judging without an envelope does not travel, so it is left alone.
 */
export const make = (options: ChaosOptions): ChaosLink => {
  const plan = new ChaosPlan(options)
  const layer = Layer.effect(
    BrainLink,
    Effect.map(BrainLink, (inner) => {
      const replies: Array<Uint8Array> = []
      const send = (frame: Uint8Array): Effect.Effect<Uint8Array, BrainLinkError> =>
        Effect.tap(inner.send(frame), (reply) =>
          Effect.sync(() => {
            replies.push(reply.slice())
            if (replies.length > remembered) replies.shift()
          }))
      const withFault = (fault: ChaosFault, frame: Uint8Array): Effect.Effect<Uint8Array, BrainLinkError> => {
        switch (fault) {
          case "drop":
            return Effect.never
          case "delay":
            return Effect.delay(send(frame), plan.delayMs())
          case "duplicate":
            return Effect.flatMap(send(frame.slice()), (first) => Effect.as(Effect.exit(send(frame)), first))
          case "reorder":
            return Effect.map(send(frame), (reply) => replies[plan.pick(replies.length)] ?? reply)
          case "corruptRequest":
            return Effect.suspend(() => send(plan.flipBit(frame)))
          case "corruptReply":
            return Effect.map(send(frame), (reply) => plan.flipBit(reply))
          case "fail":
            return lost
        }
      }
      const sendUnsafe = (frame: Uint8Array): Uint8Array | Effect.Effect<Uint8Array, BrainLinkError> => {
        const fault = plan.next()
        return fault === undefined ? inner.sendUnsafe(frame) : withFault(fault, frame)
      }
      return BrainLink.of({
        kind: options.kind ?? inner.kind,
        sendUnsafe,
        send: (frame) =>
          Effect.suspend(() => {
            const reply = sendUnsafe(frame)
            return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
          }),
        isAvailable: inner.isAvailable,
        local: inner.local
      })
    })
  )
  return { layer, fired: () => plan.fired(), set: (next) => plan.set(next) }
}
