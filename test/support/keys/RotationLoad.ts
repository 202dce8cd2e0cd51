import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { MacKey } from "../../../src/domain/keys/MacKey.ts"
import { makeRandom } from "../Seeded.ts"
import { addVerdicts, type KeyNode, messageSeconds, openNode, type Verdicts } from "./KeyNode.ts"
import { startPeer } from "./Peer.ts"

/** Messages in each direction and turn: enough to keep both processes busy, few enough to turn often. */
const batch = 16

export interface RotationOutcome {
  readonly rotations: number
  /** What became of the messages of all pairs of nodes. */
  readonly verdicts: Verdicts
  /** Keys that accepted messages were signed with. */
  readonly signers: number
  /** Fresh messages that were signed with keys disabled by age, and what became of them. */
  readonly disabled: Verdicts
  readonly generations: ReadonlyArray<number>
}

/** How revocations arrived: how long each took to be in force in the other nodes, and what disobeyed. */
export interface RevocationOutcome {
  readonly revocations: number
  readonly arrivedMs: Readonly<Record<"here" | "sameProcess" | "otherProcess", ReadonlyArray<number>>>
  /** Messages under a revoked key that were accepted where the revocation was already in force. */
  readonly acceptedAfter: number
  /** Revocations that a node still did not know after two polls. */
  readonly ignored: number
}

/** Tries, 10 ms apart, after which a revocation is taken to be ignored: twice the poll interval and more. */
const triesMax = 200

/**
 * Revokes the signing key again and again, and sends fresh messages signed with it to every node. `replace` plants a bug
 * into the second node.
 */
export const revokeUnderLoad = (options: {
  readonly directory: string
  readonly revocations: number
  readonly replace?: Parameters<typeof openNode>[1]
}) =>
  Effect.scoped(Effect.gen(function*() {
    const { directory, revocations } = options
    const one = yield* openNode(directory)
    const two = yield* openNode(directory, options.replace)
    const peer = yield* startPeer(directory)
    const ask = (frame: Uint8Array) =>
      Effect.map(peer.ask({ _tag: "exchange", frames: [frame] }), (answer) => answer.verdicts)
    const nodes = {
      here: (frame: Uint8Array) => Effect.sync(() => one.verify([frame])),
      sameProcess: (frame: Uint8Array) => Effect.sync(() => two.verify([frame])),
      otherProcess: ask
    }
    const arrivedMs = { here: Array<number>(), sameProcess: Array<number>(), otherProcess: Array<number>() }
    let acceptedAfter = 0
    let ignored = 0
    for (let i = 0; i < revocations; i++) {
      const key = one.keys.getActiveKeyUnsafe("event")
      for (const verify of Object.values(nodes)) {
        const before = yield* verify(one.signWith(key))
        if (before["accepted"] !== 1) return yield* Effect.die(`a valid message met ${JSON.stringify(before)}`)
      }
      yield* one.keys.revokeKey(key.id)
      const revokedAt = performance.now()
      for (const where of ["here", "sameProcess", "otherProcess"] as const) {
        const isRefused = Effect.map(
          Effect.suspend(() => nodes[where](one.signWith(key))),
          (verdicts) => verdicts["unknown_key"] === 1
        )
        let tries = 0
        while (tries < triesMax && !(yield* isRefused)) {
          tries++
          yield* Effect.sleep("10 millis")
        }
        if (tries === triesMax) ignored++
        arrivedMs[where].push(Math.round(performance.now() - revokedAt))
        for (let j = 0; j < 5; j++) if (!(yield* isRefused)) acceptedAfter++
      }
    }
    const outcome: RevocationOutcome = { revocations, arrivedMs, acceptedAfter, ignored }
    return outcome
  }))

const settle = Effect.sleep("20 millis")

/**
 * Two nodes in this process and one in another, over one keyset file, all signing and verifying without a pause while
 * the keys are rotated, each time by a node picked at random. `replace` plants a bug into the second node.
 */
export const rotateUnderLoad = (options: {
  readonly directory: string
  readonly rotations: number
  readonly seed: number
  readonly replace?: Parameters<typeof openNode>[1]
}) =>
  Effect.scoped(Effect.gen(function*() {
    const { directory, rotations, seed } = options
    const random = makeRandom(seed)
    const one = yield* openNode(directory)
    const two = yield* openNode(directory, options.replace)
    const peer = yield* startPeer(directory)
    const verdicts: Verdicts = {}
    const disabled: Verdicts = {}
    const signers = new Map<string, { readonly key: MacKey; retiredAt: number }>()
    let current: MacKey | undefined
    const remember = (node: KeyNode) => {
      const key = node.keys.getActiveKeyUnsafe("event")
      if (current !== undefined && key.id !== current.id) signers.get(current.id)!.retiredAt = performance.now()
      if (!signers.has(key.id)) signers.set(key.id, { key, retiredAt: Infinity })
      current = key
    }
    /** A key that was replaced this long ago is disabled everywhere, by age and whenever the others noticed. */
    const disabledAfterMs = messageSeconds * 1_000 + 5_000 + 3_000
    const tryDisabled = () => {
      for (const { key, retiredAt } of signers.values()) {
        if (performance.now() - retiredAt < disabledAfterMs) continue
        for (const node of [one, two]) addVerdicts(disabled, node.verify([node.signWith(key)]))
        return
      }
    }
    const turn = Effect.gen(function*() {
      const frames = [...one.sign(batch / 2), ...two.sign(batch / 2)]
      addVerdicts(verdicts, two.verify(frames))
      const answer = yield* peer.ask({ _tag: "exchange", frames })
      addVerdicts(verdicts, answer.verdicts)
      addVerdicts(verdicts, one.verify(answer.frames))
      addVerdicts(verdicts, two.verify(answer.frames))
      remember(one)
      tryDisabled()
      yield* Effect.yieldNow
    })
    const load = yield* Effect.forkChild(Effect.forever(turn))
    for (let i = 0; i < rotations; i++) {
      const who = random.below(3)
      yield* who === 2 ? peer.ask({ _tag: "rotate" }) : (who === 1 ? two : one).keys.rotateKeys
      // Sometimes several at once, sometimes with time for a few messages between them.
      if (random.next() < 0.7) yield* Effect.yieldNow
      else yield* Effect.sleep(`${random.below(30)} millis`)
    }
    const generation = rotations + 1
    const generations = Effect.gen(function*() {
      const own = [yield* one.keys.list, yield* two.keys.list].map((info) => info.generation)
      return [...own, (yield* peer.ask({ _tag: "generation" })).generation ?? 0]
    })
    let reached = yield* generations
    while (reached.some((one) => one < generation)) {
      yield* settle
      reached = yield* generations
    }
    yield* settle
    yield* Fiber.interrupt(load)
    const outcome: RotationOutcome = { rotations, verdicts, signers: signers.size, disabled, generations: reached }
    return outcome
  }))
