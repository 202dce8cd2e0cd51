import * as Schema from "effect/Schema"
import { exceptionSecondsMax, ownerLengthMax, reasonLengthMax } from "../decide/Exceptions.ts"
import { FailMode } from "../FailureClass.ts"
import { functionNameLengthMax } from "../TelemetryEvent.ts"

/**
 * The operator protocol, version 1: newline-delimited JSON over a Unix socket, one command per connection.
 *
 * The server greets with a fresh nonce; the client answers with a command and its MAC under the `operator` key over that
 * nonce; the reply carries a MAC over the same nonce, in the other direction. A command is therefore good for one
 * connection only, and nobody without the keyset can give one or fake its result.
 */
export const protocolVersion = 1

/** Largest command, in bytes: ten times the longest one there is. */
export const requestBytesMax = 4 * 1024
/** Largest reply, in bytes: a status with `profilesMax` profiles. */
export const replyBytesMax = 1024 * 1024
/** Length of the nonce, in bytes: 256 bits never repeat. */
export const nonceLength = 32

/** How long a weakening lasts where the operator does not say, in seconds: an incident, not a habit. */
export const weakeningSecondsDefault = 3_600
/** How long a weakening may last at most, in seconds. What must stay weaker belongs into the configuration. */
export const weakeningSecondsMax = 86_400

/** Why a command is given, and by whom: both go on record. */
const Reason = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(reasonLengthMax))
const Owner = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(ownerLengthMax))
const Seconds = Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: weakeningSecondsMax }))

/** What an operator may ask. `forSeconds` limits a change that weakens the protection below its configuration. */
export const OperatorCommand = Schema.TaggedUnion({
  Status: {},
  RolloutStatus: {},
  RolloutSet: {
    mode: Schema.optionalKey(Schema.Literals(["observe", "enforce"])),
    percent: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100 }))),
    forSeconds: Schema.optionalKey(Seconds)
  },
  ModeSet: { failMode: FailMode, forSeconds: Schema.optionalKey(Seconds) },
  Doctor: {},
  Config: {},
  Allow: {
    decisionId: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(64)),
    reason: Reason,
    owner: Owner,
    forSeconds: Schema.optionalKey(
      Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: exceptionSecondsMax }))
    )
  },
  ExceptionsList: {},
  ExceptionRevoke: {
    id: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(64)),
    owner: Owner
  },
  Relearn: {
    fn: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(functionNameLengthMax)),
    reason: Reason,
    owner: Owner
  }
})
export type OperatorCommand = typeof OperatorCommand.Type

/** A change that returns to what is configured by itself, at `until` (epoch ms). */
export const Weakening = Schema.Struct({
  what: Schema.Literals(["fail_mode", "rollout"]),
  until: Schema.Finite,
  returnsTo: Schema.String
})
export type Weakening = typeof Weakening.Type

/** The rollout and fail mode in force, where each value came from (by dotted key), and what of them returns by itself. */
export const RolloutState = Schema.Struct({
  mode: Schema.Literals(["observe", "enforce"]),
  percent: Schema.Finite,
  failMode: FailMode,
  origins: Schema.Record(Schema.String, Schema.String),
  weakenings: Schema.Array(Weakening)
})
export type RolloutState = typeof RolloutState.Type

/** The effective settings of the process and where each came from, by dotted key. */
export const ConfigState = Schema.Struct({
  pid: Schema.Int,
  values: Schema.Record(Schema.String, Schema.Json),
  origins: Schema.Record(Schema.String, Schema.String)
})
export type ConfigState = typeof ConfigState.Type

/** An exception as an operator sees it. Times are epoch ms; `covers` says in words what it lets through. */
export const ExceptionInfo = Schema.Struct({
  id: Schema.String,
  fn: Schema.String,
  covers: Schema.String,
  owner: Schema.String,
  reason: Schema.String,
  decisionId: Schema.String,
  createdAt: Schema.Finite,
  until: Schema.Finite,
  hits: Schema.Int,
  lastHitAt: Schema.Finite
})
export type ExceptionInfo = typeof ExceptionInfo.Type

/** What the process answered: the result of the command, or why it was refused. */
export const OperatorReply = Schema.TaggedUnion({
  Done: { result: Schema.Json },
  Refused: { message: Schema.String }
})
export type OperatorReply = typeof OperatorReply.Type

/** First line of the server. */
export const Greeting = Schema.Struct({ v: Schema.Literal(protocolVersion), nonce: Schema.String, pid: Schema.Int })
/** The line of the client, and the second line of the server: a body as text, and its MAC in base64url. */
export const Sealed = Schema.Struct({
  v: Schema.Literal(protocolVersion),
  keyId: Schema.String.check(Schema.isMaxLength(64)),
  body: Schema.String,
  mac: Schema.String.check(Schema.isMaxLength(64))
})
export type Sealed = typeof Sealed.Type

export const decodeGreeting = Schema.decodeUnknownResult(Schema.fromJsonString(Greeting))
export const encodeGreeting = Schema.encodeSync(Schema.fromJsonString(Greeting))
export const decodeSealed = Schema.decodeUnknownResult(Schema.fromJsonString(Sealed))
export const encodeSealed = Schema.encodeSync(Schema.fromJsonString(Sealed))
export const decodeCommand = Schema.decodeUnknownResult(Schema.fromJsonString(OperatorCommand))
export const encodeCommand = Schema.encodeSync(Schema.fromJsonString(OperatorCommand))
export const decodeReply = Schema.decodeUnknownResult(Schema.fromJsonString(OperatorReply))
export const encodeReply = Schema.encodeSync(Schema.fromJsonString(OperatorReply))
export const decodeRolloutState = Schema.decodeUnknownResult(RolloutState)
export const decodeConfigState = Schema.decodeUnknownResult(ConfigState)
export const decodeExceptionInfo = Schema.decodeUnknownResult(ExceptionInfo)
export const decodeExceptionList = Schema.decodeUnknownResult(Schema.Array(ExceptionInfo))

const text = new TextEncoder()

/** The bytes that a MAC covers: protocol, direction, nonce, key id and body, each with its length. */
export const macInput = (
  direction: "command" | "reply",
  nonce: Uint8Array,
  keyId: string,
  body: string
): Uint8Array => {
  const parts = [
    text.encode(`effect-pic operator v${protocolVersion} ${direction}`),
    nonce,
    text.encode(keyId),
    text.encode(body)
  ]
  const bytes = new Uint8Array(parts.reduce((total, part) => total + 4 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const part of parts) {
    view.setUint32(offset, part.length)
    bytes.set(part, offset + 4)
    offset += 4 + part.length
  }
  return bytes
}
