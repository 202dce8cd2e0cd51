/** Attacks on the link: envelopes that were altered, cut, captured and sent again, or dated wrongly. */
import { Effect, Layer } from "effect"
import * as KeyManagerLayer from "effect-pic/layers/crypto/KeyManager"
import * as SecureTransportLayer from "effect-pic/layers/agent/SecureTransport"
import { BaselineProfiler } from "effect-pic/services/BaselineProfiler"
import { BrainCore } from "effect-pic/services/BrainCore"
import { BrainLink } from "effect-pic/services/BrainLink"
import { CellAgent } from "effect-pic/services/CellAgent"
import { PicClock } from "effect-pic/services/PicClock"
import { PicMetrics } from "effect-pic/services/PicMetrics"
import { SecureTransport } from "effect-pic/services/SecureTransport"
import { TelemetryGenerator } from "effect-pic/services/TelemetryGenerator"
import * as Crypto from "node:crypto"
import { Book, type Call } from "./Guesthouse.ts"
import type { Seeded } from "./Seeded.ts"
import type { Tap } from "./Tap.ts"

/** Bytes of the signature at the end of an envelope. */
const macLength = 32
/** Envelopes older than `crypto.nonce_expiry_seconds`, or dated further ahead than any host's clock is off, are refused. */
const staleMs = 300_000
const futureMs = 5_000

/** An envelope of an attacker, and what was done to it. */
interface Forgery {
  readonly kind: "forged" | "truncated" | "replayed" | "time-skewed"
  readonly what: string
  readonly frame: Uint8Array
}

const flipped = (frame: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(frame)
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7))
  return copy
}
const signedPart = (frame: Uint8Array): Uint8Array => frame.subarray(0, frame.length - macLength)
const withMac = (frame: Uint8Array, mac: Uint8Array): Uint8Array => Buffer.concat([signedPart(frame), mac])

const forgeries = (random: Seeded, tap: Tap): ReadonlyArray<Forgery> => {
  const frame = random.pick(tap.requests())
  const other = random.pick(tap.requests())
  const altered = flipped(frame, random.int(0, 8 * (frame.length - macLength) - 1))
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.int(0, 255))
  const attackers = Crypto.createHmac("sha256", bytes(32)).update(signedPart(altered)).digest()
  const forged = (what: string, forgery: Uint8Array): Forgery => ({ kind: "forged", what, frame: forgery })
  const truncated = (what: string, forgery: Uint8Array): Forgery => ({ kind: "truncated", what, frame: forgery })
  return [
    forged("one bit of the content flipped", altered),
    forged("one bit of the signature flipped", flipped(frame, 8 * frame.length - 1 - random.int(0, 8 * macLength - 1))),
    forged("a signature of zeros", withMac(altered, new Uint8Array(macLength))),
    forged("a random signature", withMac(altered, bytes(macLength))),
    forged("the signature of another envelope", withMac(altered, other.subarray(other.length - macLength))),
    forged("signed with the attacker's own key", withMac(altered, attackers)),
    forged("a plain hash as signature", withMac(altered, Crypto.hash("sha256", signedPart(altered), "buffer"))),
    forged("a reply of the brain sent back as a request", random.pick(tap.replies())),
    forged("random bytes", bytes(random.int(1, 400))),
    truncated("cut somewhere", frame.subarray(0, random.int(0, frame.length - 1))),
    truncated("its signature cut short", frame.subarray(0, frame.length - random.int(1, macLength - 1))),
    truncated("without its signature", signedPart(frame)),
    truncated("bytes added behind it", Buffer.concat([frame, bytes(random.int(1, 40))])),
    truncated("nothing at all", new Uint8Array(0))
  ]
}

/** Envelopes that were accepted once: the newest, an older one, and one many times at once. */
const replays = (random: Seeded, tap: Tap): ReadonlyArray<Forgery> => {
  const newest = tap.requests().at(-1)!
  const again = random.pick(tap.requests())
  return [newest, again, again, again, again, random.pick(tap.requests())].map((frame) => ({
    kind: "replayed",
    what: "sent again",
    frame
  }))
}

/** Two senders with properly working software: one has the right keys and a wrong clock, one the wrong keys. */
const senders = Effect.gen(function*() {
  const clock = yield* PicClock
  const generator = yield* TelemetryGenerator
  let skewMs = 0
  const transport = SecureTransportLayer.layer.pipe(
    Layer.provide(Layer.succeed(PicClock, PicClock.of({ nowUnsafe: () => clock.nowUnsafe() + skewMs }))),
    Layer.fresh
  )
  const skewed = yield* Effect.provide(SecureTransport, transport, { local: true })
  const stranger = yield* Effect.provide(
    SecureTransport,
    Layer.provide(transport, Layer.fresh(KeyManagerLayer.layerMemory)),
    { local: true }
  )
  let events = 0
  const eventOf = (call: Call) => ({
    id: `attacker-${++events}`,
    agentId: "agent",
    fn: call.operation,
    session: "",
    subjectHash: "",
    timestamp: clock.nowUnsafe() + skewMs,
    priority: "normal" as const,
    samplingProbability: 1,
    features: generator.describeUnsafe(call.args, undefined)
  })
  const sign = (sender: typeof skewed, call: Call, ms: number): Uint8Array => {
    skewMs = ms
    return sender.signEventUnsafe(eventOf(call)).frame
  }
  return {
    skewed: (call: Call, ms: number) => sign(skewed, call, ms),
    stranger: (call: Call) => sign(stranger, call, 0)
  }
})

/** Everything that a refused envelope must leave as it is. */
const observe = Effect.gen(function*() {
  const profiler = yield* BaselineProfiler
  const { eventsRejected, ...brain } = yield* (yield* BrainCore).status
  const { decisions_allowed, decisions_blocked, would_block } = (yield* (yield* PicMetrics).getStats).counters
  const state = {
    baselines: Crypto.hash("sha256", yield* profiler.snapshot, "hex"),
    profiles: yield* profiler.profiles,
    accounting: yield* (yield* CellAgent).accounting,
    decisions: { decisions_allowed, decisions_blocked, would_block },
    brain,
    entries: yield* (yield* Book).entries
  }
  return { eventsRejected, state: JSON.stringify(state) }
})

/** How envelope attacks went. */
export interface EnvelopeTally {
  readonly byKind: Map<string, { offered: number; refused: number }>
  readonly accepted: Array<string>
  /** Bursts after which anything but the count of refusals had changed. */
  effects: number
  /** Honest envelopes of a clock that is a second off: refused ones would mean that the attacks prove nothing. */
  controlsRefused: number
}

export const emptyTally = (): EnvelopeTally => ({ byKind: new Map(), accepted: [], effects: 0, controlsRefused: 0 })

/** Makes the attacker of one system. Each burst of it sends some of everything, all at once, and looks for effects. */
export const makeAttacker = Effect.fnUntraced(function*(random: Seeded, tap: Tap, tally: EnvelopeTally) {
  const link = yield* BrainLink
  const agent = yield* CellAgent
  const sender = yield* senders
  const refused = (frame: Uint8Array) =>
    Effect.match(link.send(frame), {
      onFailure: (error) => error.reason._tag === "LinkRejected",
      onSuccess: () => false
    })
  const strike = Effect.fnUntraced(function*(forgery: Forgery) {
    const kind = tally.byKind.get(forgery.kind) ?? { offered: 0, refused: 0 }
    tally.byKind.set(forgery.kind, kind)
    kind.offered++
    if (yield* refused(forgery.frame)) kind.refused++
    else tally.accepted.push(`${forgery.kind}: ${forgery.what}`)
  })
  return Effect.fnUntraced(function*(call: Call) {
    yield* agent.flush
    const skews = [
      -staleMs - random.int(1, 60_000),
      -staleMs * random.int(2, 3_000),
      futureMs + random.int(100, 60_000),
      futureMs * random.int(2, 200_000)
    ]
    const all: ReadonlyArray<Forgery> = [
      ...forgeries(random, tap),
      ...replays(random, tap),
      { kind: "forged", what: "a stranger's key", frame: sender.stranger(call) },
      ...skews.map((ms): Forgery => ({ kind: "time-skewed", what: `${ms} ms off`, frame: sender.skewed(call, ms) }))
    ]
    const burst = Effect.gen(function*() {
      for (const ms of [-1_000, 1_000]) if (yield* refused(sender.skewed(call, ms))) tally.controlsRefused++
      const before = yield* observe
      yield* Effect.forEach(all, strike, { concurrency: "unbounded", discard: true })
      const after = yield* observe
      if (after.state !== before.state || after.eventsRejected - before.eventsRejected !== all.length) tally.effects++
    })
    yield* tap.deaf(burst)
  })
})
