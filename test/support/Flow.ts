import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { AlertKind } from "../../src/domain/Alert.ts"
import { type BackpressureSignal, clear } from "../../src/domain/BackpressureSignal.ts"
import * as CallFeatures from "../../src/domain/CallFeatures.ts"
import type { Decision } from "../../src/domain/Decision.ts"
import { defaults, type Settings, type SettingsInput } from "../../src/domain/settings/Settings.ts"
import type { TelemetryEvent } from "../../src/domain/TelemetryEvent.ts"
import * as PicClock from "../../src/layers/agent/PicClock.ts"
import * as PicHealth from "../../src/layers/observability/PicHealth.ts"
import * as PicMetrics from "../../src/layers/observability/PicMetrics.ts"
import { Alerts } from "../../src/services/Alerts.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { BrainLink, type BrainLinkError } from "../../src/services/BrainLink.ts"
import { CryptoCore } from "../../src/services/CryptoCore.ts"
import { PicConfig } from "../../src/services/PicConfig.ts"
import { SecureTransport, SecurityViolation, type SignedRequest } from "../../src/services/SecureTransport.ts"

export const settingsWith = (input: SettingsInput): Settings =>
  Object.fromEntries(
    Object.entries(defaults).map(([section, values]) => [section, { ...values, ...input[section as keyof Settings] }])
  ) as unknown as Settings

/** Settings that a test changes while its program runs. */
export const makeConfig = (input: SettingsInput = {}) => {
  let settings = settingsWith(input)
  const changes = Effect.runSync(PubSub.unbounded<Settings>())
  const layer = Layer.succeed(
    PicConfig,
    PicConfig.of({
      settingsUnsafe: () => settings,
      settings: Effect.sync(() => settings),
      origins: Effect.succeed(new Map()),
      change: () => Effect.sync(() => settings),
      changes: Stream.fromPubSub(changes)
    })
  )
  const set = (next: SettingsInput): void => {
    settings = settingsWith(next)
    PubSub.publishUnsafe(changes, settings)
  }
  return { layer, set }
}

const unused = (): never => {
  throw new Error("not part of this test")
}

/** Reproducible bytes; the other primitives die when called. */
export const cryptoLayer: Layer.Layer<CryptoCore> = Layer.succeed(
  CryptoCore,
  CryptoCore.of({
    randomBytesUnsafe: (length) => Uint8Array.from({ length }, (_, i) => (i * 151 + 7) & 0xff),
    deriveKeyUnsafe: unused,
    deriveBytesUnsafe: unused,
    macUnsafe: unused,
    verifyMacUnsafe: unused,
    sha256Unsafe: unused,
    generateSigningKeyUnsafe: unused,
    signUnsafe: unused,
    verifySignatureUnsafe: unused
  })
)

/** Alerts and evidence that remember what they were told. */
export const makeWitness = () => {
  const alerts: Array<{ readonly kind: AlertKind; readonly message: string }> = []
  const records: Array<{ readonly kind: string; readonly body: unknown }> = []
  const losses: Array<{ readonly what: string; readonly count: number }> = []
  const layer = Layer.mergeAll(
    Layer.succeed(
      Alerts,
      Alerts.of({ raiseUnsafe: (kind, message) => void alerts.push({ kind, message }), stream: Stream.empty })
    ),
    Layer.mock(AuditLogger)({
      recordUnsafe: (kind, body) => void records.push({ kind, body }),
      noteLossUnsafe: (what, count) => void losses.push({ what, count }),
      noteAllowUnsafe: () => undefined
    })
  )
  return { layer, alerts, records, losses }
}

export const observability = Layer.mergeAll(PicMetrics.layer, PicHealth.layer).pipe(Layer.provideMerge(PicClock.layer))

export const makeEvent = (id: string, fn = "shop.buy", timestamp = 0): TelemetryEvent => ({
  id,
  agentId: "agent",
  fn,
  session: "",
  subjectHash: "",
  timestamp,
  priority: "normal",
  samplingProbability: 1,
  features: CallFeatures.none
})

export const makeDecision = (eventId: string, action: Decision["action"] = "allow"): Decision => ({
  id: `d-${eventId}`,
  eventId,
  action,
  source: "brain",
  reason: "normal",
  confidence: 1,
  pValue: 1,
  findings: [],
  wouldBlock: false
})

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What the fake wire carries: the ids, and a nonce that differs on each signing. */
export interface FakeFrame {
  readonly nonce: number
  readonly events?: ReadonlyArray<string>
  readonly outcomes?: number
}
export const readFrame = (frame: Uint8Array): FakeFrame => JSON.parse(decoder.decode(frame))

/** A transport that signs with a counter: replies name the nonce they answer, and `forged` ones do not verify. */
export const makeTransport = () => {
  let nonce = 0
  const request = (content: Omit<FakeFrame, "nonce">, eventId: string): SignedRequest => {
    nonce++
    return { frame: encoder.encode(JSON.stringify({ nonce, ...content })), nonce: Uint8Array.of(nonce), eventId }
  }
  const read = (sent: SignedRequest, reply: Uint8Array): Result.Result<FakeReply, SecurityViolation> => {
    const content: FakeReply = JSON.parse(decoder.decode(reply))
    if (content.forged === true) return Result.fail(new SecurityViolation({ kind: "bad_signature", detail: "forged" }))
    if (content.stale === true) return Result.fail(new SecurityViolation({ kind: "stale", detail: "stale" }))
    if (content.nonce !== readFrame(sent.frame).nonce) {
      return Result.fail(new SecurityViolation({ kind: "wrong_request", detail: "other nonce" }))
    }
    return Result.succeed(content)
  }
  const layer = Layer.mock(SecureTransport)({
    signEventUnsafe: (event) => request({ events: [event.id] }, event.id),
    signEventsUnsafe: (events) => request({ events: events.map((e) => e.id) }, ""),
    signOutcomesUnsafe: (reports) => request({ outcomes: reports.length }, ""),
    verifyDecisionUnsafe: (sent, reply) =>
      Result.map(read(sent, reply), (r) => ({ decision: r.decisions[0]!, backpressure: r.signal ?? clear })),
    verifyDecisionsUnsafe: (sent, reply) =>
      Result.map(read(sent, reply), (r) => ({ decisions: r.decisions, backpressure: r.signal ?? clear })),
    verifyAckUnsafe: (sent, reply) => Result.map(read(sent, reply), (r) => r.signal ?? clear)
  })
  return layer
}

export interface FakeReply {
  readonly nonce: number
  readonly decisions: ReadonlyArray<Decision>
  readonly signal?: BackpressureSignal
  readonly forged?: boolean
  readonly stale?: boolean
}

/** The reply of a brain that allows everything. */
export const allowAll = (frame: Uint8Array, extra: Partial<FakeReply> = {}): Uint8Array => {
  const { events = [], nonce } = readFrame(frame)
  return encoder.encode(JSON.stringify({ nonce, decisions: events.map((id) => makeDecision(id)), ...extra }))
}

type LinkReply = Uint8Array | Effect.Effect<Uint8Array, BrainLinkError>

/** A link whose answer a test changes while its program runs; it keeps what was sent. */
export const makeLink = (kind: string, answer: (frame: Uint8Array) => LinkReply) => {
  const sent: Array<FakeFrame> = []
  let reply = answer
  const sendUnsafe = (frame: Uint8Array): LinkReply => {
    sent.push(readFrame(frame))
    return reply(frame)
  }
  const layer = Layer.succeed(
    BrainLink,
    BrainLink.of({
      kind,
      sendUnsafe,
      send: (frame) =>
        Effect.suspend(() => {
          const result = sendUnsafe(frame)
          return Effect.isEffect(result) ? result : Effect.succeed(result)
        }),
      isAvailable: Effect.succeed(true),
      local: undefined
    })
  )
  const set = (next: (frame: Uint8Array) => LinkReply): void => {
    reply = next
  }
  return { layer, sent, set }
}
