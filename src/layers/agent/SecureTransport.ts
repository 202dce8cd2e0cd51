import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { timestampFutureMs } from "../../domain/wire/ReplayWindow.ts"
import {
  readDecisionsBody,
  readSignalBody,
  readVerdictBody,
  writeEvents,
  writeOutcomes
} from "../../domain/wire/Body.ts"
import { writeEvent } from "../../domain/wire/EventCodec.ts"
import { type FramePurpose, nonceOf } from "../../domain/wire/Frame.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { SecureTransport, type SecurityViolation, type SignedRequest } from "../../services/SecureTransport.ts"
import { FrameCodec, type VerifiedFrame } from "../crypto/FrameCodec.ts"
import { refusals } from "../crypto/Violations.ts"

/** Random bytes behind the agent id: two processes of one id must not share a window of used nonces. */
const instanceLength = 9

type Services = {
  readonly crypto: CryptoCore["Service"]
  readonly keys: KeyManager["Service"]
  readonly clock: PicClock["Service"]
  readonly config: PicConfig["Service"]
}

/** The checks that every reply must pass before its body is read: origin, request, freshness. */
const makeOpenReply = ({ clock, config }: Services, codec: FrameCodec, agentId: string) => {
  const admits = {
    decision: (purpose: FramePurpose) => purpose === "decision",
    decisions: (purpose: FramePurpose) => purpose === "decisions",
    ack: (purpose: FramePurpose) => purpose === "ack"
  }
  return (
    purpose: "decision" | "decisions" | "ack",
    request: SignedRequest,
    reply: Uint8Array
  ): Result.Result<VerifiedFrame, SecurityViolation> => {
    const opened = codec.open(reply, admits[purpose], request)
    if (Result.isFailure(opened)) return opened
    const { header } = opened.success
    if (header.request !== request || header.agentId !== agentId) return refusals.wrong_request
    const age = clock.nowUnsafe() - header.timestamp
    if (age < -timestampFutureMs) return refusals.future
    return age > config.settingsUnsafe().crypto.nonce_expiry_seconds * 1000 ? refusals.stale : opened
  }
}

type Verify<A> = (request: SignedRequest, reply: Uint8Array) => Result.Result<A, SecurityViolation>

/** A primitive that throws proves nothing: the reply is refused like a forged one. */
const guarded = <A>(verify: Verify<A>): Verify<A> => (request, reply) => {
  try {
    return verify(request, reply)
  } catch {
    return refusals.bad_signature
  }
}

const makeVerify = (services: Services, codec: FrameCodec, agentId: string) => {
  const openReply = makeOpenReply(services, codec, agentId)
  const verifyDecision: SecureTransport["Service"]["verifyDecisionUnsafe"] = (request, reply) => {
    const opened = openReply("decision", request, reply)
    if (Result.isFailure(opened)) return Result.fail(opened.failure)
    const { bytes, header } = opened.success
    const verdict = readVerdictBody(codec.reader, bytes, header.bodyAt)
    if (verdict === undefined) return refusals.malformed
    return verdict.decision.eventId === request.eventId ? Result.succeed(verdict) : refusals.wrong_request
  }
  const verifyDecisions: SecureTransport["Service"]["verifyDecisionsUnsafe"] = (request, reply) => {
    const opened = openReply("decisions", request, reply)
    if (Result.isFailure(opened)) return Result.fail(opened.failure)
    const { bytes, header } = opened.success
    const batch = readDecisionsBody(codec.reader, bytes, header.bodyAt)
    if (batch === undefined) return refusals.malformed
    const { eventIds } = request
    const answers = eventIds === undefined || (batch.decisions.length === eventIds.length
      && batch.decisions.every((decision, i) => decision.eventId === eventIds[i]))
    return answers ? Result.succeed(batch) : refusals.wrong_request
  }
  const verifyAck: SecureTransport["Service"]["verifyAckUnsafe"] = (request, reply) => {
    const opened = openReply("ack", request, reply)
    if (Result.isFailure(opened)) return Result.fail(opened.failure)
    const signal = readSignalBody(codec.reader, opened.success.bytes, opened.success.header.bodyAt)
    return signal === undefined ? refusals.malformed : Result.succeed(signal)
  }
  return {
    verifyDecisionUnsafe: guarded(verifyDecision),
    verifyDecisionsUnsafe: guarded(verifyDecisions),
    verifyAckUnsafe: guarded(verifyAck)
  }
}

const makeSign = (codec: FrameCodec, agentId: string) => {
  const sign = (eventId: string): SignedRequest => {
    const frame = codec.sign()
    return { frame, nonce: nonceOf(frame), eventId }
  }
  const signEventUnsafe: SecureTransport["Service"]["signEventUnsafe"] = (event) => {
    codec.start("event", agentId, undefined)
    writeEvent(codec.writer, event)
    return sign(event.id)
  }
  const signEventsUnsafe: SecureTransport["Service"]["signEventsUnsafe"] = (events) => {
    codec.start("events", agentId, undefined)
    writeEvents(codec.writer, events)
    return { ...sign(""), eventIds: events.map((event) => event.id) }
  }
  const signOutcomesUnsafe: SecureTransport["Service"]["signOutcomesUnsafe"] = (reports) => {
    codec.start("outcomes", agentId, undefined)
    writeOutcomes(codec.writer, reports)
    return sign("")
  }
  return { signEventUnsafe, signEventsUnsafe, signOutcomesUnsafe }
}

/** Layer that signs as `cellagent.agent_id` with a random suffix of its own. */
export const layer: Layer.Layer<SecureTransport, never, CryptoCore | KeyManager | PicClock | PicConfig> = Layer.effect(
  SecureTransport,
  Effect.gen(function*() {
    const services: Services = {
      crypto: yield* CryptoCore,
      keys: yield* KeyManager,
      clock: yield* PicClock,
      config: yield* PicConfig
    }
    const { clock, config, crypto, keys } = services
    const instance = Buffer.from(crypto.randomBytesUnsafe(instanceLength)).toString("base64url")
    const agentId = `${config.settingsUnsafe().cellagent.agent_id}#${instance}`
    const codec = new FrameCodec(crypto, keys, clock.nowUnsafe)
    const signing = makeSign(codec, agentId)
    const verifying = makeVerify(services, codec, agentId)
    return SecureTransport.of({
      ...signing,
      ...verifying,
      signEvent: (event) => Effect.sync(() => signing.signEventUnsafe(event)),
      verifyDecision: (request, reply) =>
        Effect.suspend(() => Effect.fromResult(verifying.verifyDecisionUnsafe(request, reply)))
    })
  })
)
