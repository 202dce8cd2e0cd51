import * as Result from "effect/Result"
import { SecurityViolation, type SecurityViolationKind } from "../../services/SecureTransport.ts"

/** What a refused message is told: which check it failed, and nothing about how close it came. */
const details: Readonly<Record<SecurityViolationKind, string>> = {
  malformed: "the message is not a well-formed frame",
  unknown_key: "the key is unknown or no longer in use",
  bad_signature: "the signature does not match",
  stale: "the message is too old",
  future: "the message is dated ahead of time",
  replayed: "the message was already used",
  capacity: "there is no room to remember the message",
  wrong_request: "the reply answers another request"
}

const refusal = (kind: SecurityViolationKind) => Result.fail(new SecurityViolation({ kind, detail: details[kind] }))

/** One refusal per kind, made once: an error costs microseconds to make, and a flood of forgeries must not. */
export const refusals = {
  malformed: refusal("malformed"),
  unknown_key: refusal("unknown_key"),
  bad_signature: refusal("bad_signature"),
  stale: refusal("stale"),
  future: refusal("future"),
  replayed: refusal("replayed"),
  capacity: refusal("capacity"),
  wrong_request: refusal("wrong_request")
} as const
