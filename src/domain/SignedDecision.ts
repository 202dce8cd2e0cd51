import * as Schema from "effect/Schema"
import { BackpressureSignal } from "./BackpressureSignal.ts"
import { Decision } from "./Decision.ts"

/** A decision with its proof of origin. The signature also covers the event id and the nonce of the request. */
export const SignedDecision = Schema.Struct({
  decision: Decision,
  backpressure: BackpressureSignal,
  signature: Schema.String,
  timestamp: Schema.Finite,
  keyId: Schema.String
})
export type SignedDecision = typeof SignedDecision.Type
