import * as Schema from "effect/Schema"
import { TelemetryEvent } from "./TelemetryEvent.ts"

/**
 * An event with its proof of origin, as it is stored and printed; on the wire it is a frame (`domain/wire/Frame.ts`).
 *
 * `signature` is the HMAC-SHA256 in base64url, `nonce` 16 bytes printed as a UUID, `timestamp` the signing time in epoch
 * milliseconds.
 */
export const SignedEvent = Schema.Struct({
  event: TelemetryEvent,
  signature: Schema.String,
  nonce: Schema.String,
  timestamp: Schema.Finite,
  keyId: Schema.String
})
export type SignedEvent = typeof SignedEvent.Type
