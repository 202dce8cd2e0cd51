import * as Effect from "effect/Effect"
import { BrainCore } from "../../../services/BrainCore.ts"
import { BrainLink } from "../../../services/BrainLink.ts"
import { PicMetrics } from "../../../services/PicMetrics.ts"
import { Shop } from "../Shop.ts"
import { ShopClient } from "../ShopClient.ts"
import type { ShopRequest } from "../ShopTraffic.ts"
import { Checks, type Stage } from "../Stage.ts"
import type { Wiretap } from "../Wiretap.ts"

/** Forgeries of one envelope, each with another byte altered. */
const forgeries = 64

const payment: ShopRequest = {
  call: { operation: "transfer", from: "4823192107223935", to: "8789249856609623", cents: 250 },
  session: "wiretapped",
  kind: "norm"
}

const altered = (envelope: Uint8Array, index: number): Uint8Array => {
  const copy = new Uint8Array(envelope)
  copy[index] = (copy[index] ?? 0) ^ 0x01
  return copy
}

/** An eavesdropper sends a captured envelope again, and altered copies of it: none has any effect. */
export const stage = (
  wiretap: Wiretap
): Stage<ShopClient | Shop | BrainCore | BrainLink | PicMetrics> => ({
  name: "envelopes",
  shows: "replayed and forged envelopes",
  run: Effect.gen(function*() {
    const client = yield* ShopClient
    const shop = yield* Shop
    const brain = yield* BrainCore
    const link = yield* BrainLink
    const metrics = yield* PicMetrics
    const checks = new Checks()
    const { envelope, result } = yield* wiretap.capture(client.send(payment))
    checks.expect(result.ending === "ran", `the honest payment was ${result.ending}`)
    if (envelope === undefined) {
      checks.expect(false, "the payment was not sent to the brain")
      return { summary: "nothing to replay", problems: checks.problems }
    }
    const before = { brain: yield* brain.status, executed: yield* shop.executed, ...(yield* metrics.getStats).counters }
    const rejected = (frame: Uint8Array) =>
      Effect.match(link.send(frame), {
        onFailure: (error) => error.reason._tag === "LinkRejected",
        onSuccess: () => false
      })
    checks.expect(yield* rejected(envelope), "a replayed envelope was accepted")
    const frames = Array.from(
      { length: forgeries },
      (_, n) => altered(envelope, Math.floor(n * envelope.length / forgeries))
    )
    const refusals = yield* Effect.forEach(frames, rejected)
    const refused = refusals.filter((wasRefused) => wasRefused).length
    checks.expect(refused === forgeries, `${forgeries - refused} of ${forgeries} forged envelopes were accepted`)
    const after = { brain: yield* brain.status, executed: yield* shop.executed, ...(yield* metrics.getStats).counters }
    checks.expect(after.brain.eventsAnalysed === before.brain.eventsAnalysed, "a refused envelope was analysed")
    checks.expect(after.executed === before.executed, "a refused envelope ran an operation")
    checks.expect(after.attacks_replayed > before.attacks_replayed, "the replay was not counted")
    checks.expect(after.attacks_forged > before.attacks_forged, "the forgeries were not counted")
    return {
      summary: `1 replayed and ${refused} forged envelopes refused, none had an effect`,
      problems: checks.problems
    }
  })
})
