import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Why a nonce was not accepted; `accepted` is the only verdict that lets a message act. */
export const ReplayVerdict = Schema.Literals(["accepted", "replayed", "stale", "future", "capacity", "malformed"])
export type ReplayVerdict = typeof ReplayVerdict.Type

/** Never accepts a nonce twice. Call it only after the MAC was verified. */
export class ReplayGuard extends Context.Service<ReplayGuard, {
  /** `sender` is the verified agent id, `nonce` its 16 bytes, `timestamp` the signed time in epoch ms. */
  readonly acceptUnsafe: (sender: string, nonce: Uint8Array, timestamp: number) => ReplayVerdict
  readonly accept: (sender: string, nonce: Uint8Array, timestamp: number) => Effect.Effect<ReplayVerdict>
  /** Whether the message would be refused; changes nothing. */
  readonly isReplayAttack: (sender: string, nonce: Uint8Array, timestamp: number) => Effect.Effect<boolean>
  /** Forgets senders and epochs that freshness alone already refuses. Returns how many were forgotten. */
  readonly cleanupOldNonces: Effect.Effect<number>
  readonly status: Effect.Effect<{ readonly senders: number; readonly epochs: number; readonly bytes: number }>
}>()("effect-pic/services/ReplayGuard") {}
