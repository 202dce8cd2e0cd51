import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import {
  readEventBody,
  readEventsBody,
  readOutcomesBody,
  writeDecisions,
  writeVerdict
} from "../../domain/wire/Body.ts"
import { writeSignal } from "../../domain/wire/DecisionCodec.ts"
import { type FramePurpose, nonceOf } from "../../domain/wire/Frame.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicClock } from "../../services/PicClock.ts"
import { ReplayGuard } from "../../services/ReplayGuard.ts"
import type { SecurityViolation } from "../../services/SecureTransport.ts"
import { SecurityValidator, type VerifiedRequest } from "../../services/SecurityValidator.ts"
import { FrameCodec, type VerifiedFrame } from "../crypto/FrameCodec.ts"
import { refusals } from "../crypto/Violations.ts"

const isRequest = (purpose: FramePurpose): boolean =>
  purpose === "event" || purpose === "events" || purpose === "outcomes"

/** Decodes the body of a request whose origin, freshness and single use are proved. */
const decode = (codec: FrameCodec, frame: VerifiedFrame, nonce: Uint8Array): VerifiedRequest | undefined => {
  const { bytes, header: { agentId, bodyAt, purpose, timestamp } } = frame
  switch (purpose) {
    case "event": {
      const event = readEventBody(codec.reader, bytes, bodyAt, codec.names)
      return event && { agentId, nonce, timestamp, purpose, event }
    }
    case "events": {
      const events = readEventsBody(codec.reader, bytes, bodyAt, codec.names)
      return events && { agentId, nonce, timestamp, purpose, events }
    }
    case "outcomes": {
      const reports = readOutcomesBody(codec.reader, bytes, bodyAt, codec.names)
      return reports && { agentId, nonce, timestamp, purpose, reports }
    }
    default:
      return undefined
  }
}

const makeVerify = (codec: FrameCodec, guard: ReplayGuard["Service"]) => {
  const verify = (frame: Uint8Array): Result.Result<VerifiedRequest, SecurityViolation> => {
    const opened = codec.open(frame, isRequest)
    if (Result.isFailure(opened)) return Result.fail(opened.failure)
    const { bytes, header } = opened.success
    const nonce = nonceOf(bytes)
    const verdict = guard.acceptUnsafe(header.agentId, nonce, header.timestamp)
    if (verdict !== "accepted") return refusals[verdict]
    const request = decode(codec, opened.success, nonce)
    return request === undefined ? refusals.malformed : Result.succeed(request)
  }
  return (frame: Uint8Array): Result.Result<VerifiedRequest, SecurityViolation> => {
    try {
      return verify(frame)
    } catch {
      // A primitive that throws proves nothing: the message is refused like a forged one.
      return refusals.bad_signature
    }
  }
}

const makeSign = (codec: FrameCodec) => {
  const start = (purpose: "decision" | "decisions" | "ack", request: VerifiedRequest) =>
    codec.start(purpose, request.agentId, {
      nonce: request.nonce,
      eventId: request.purpose === "event" ? request.event.id : ""
    })
  const signDecisionUnsafe: SecurityValidator["Service"]["signDecisionUnsafe"] = (request, decision, signal) => {
    start("decision", request)
    writeVerdict(codec.writer, decision, signal)
    return codec.sign()
  }
  const signDecisionsUnsafe: SecurityValidator["Service"]["signDecisionsUnsafe"] = (request, decisions, signal) => {
    start("decisions", request)
    writeDecisions(codec.writer, decisions, signal)
    return codec.sign()
  }
  const signAckUnsafe: SecurityValidator["Service"]["signAckUnsafe"] = (request, signal) => {
    start("ack", request)
    writeSignal(codec.writer, signal)
    return codec.sign()
  }
  return { signDecisionUnsafe, signDecisionsUnsafe, signAckUnsafe }
}

/** Layer over the replay guard and the keys in force. */
export const layer: Layer.Layer<
  SecurityValidator,
  never,
  CryptoCore | KeyManager | PicClock | ReplayGuard
> = Layer.effect(
  SecurityValidator,
  Effect.gen(function*() {
    const clock = yield* PicClock
    const guard = yield* ReplayGuard
    const codec = new FrameCodec(yield* CryptoCore, yield* KeyManager, clock.nowUnsafe)
    const verifyEventUnsafe = makeVerify(codec, guard)
    return SecurityValidator.of({
      ...makeSign(codec),
      verifyEventUnsafe,
      verifyEvent: (frame) => Effect.suspend(() => Effect.fromResult(verifyEventUnsafe(frame))),
      isReplayAttack: guard.isReplayAttack,
      cleanupOldNonces: guard.cleanupOldNonces
    })
  })
)
