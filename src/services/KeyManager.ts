import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { MacKey, Purpose } from "../domain/keys/MacKey.ts"

/** The keyset file is missing, damaged, readable by others, a link, or older than the one already seen. */
export class KeysetRefused extends Schema.TaggedError<KeysetRefused>()("KeysetRefused", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `keyset ${this.path}: ${this.detail}`
  }
}

/** No key of that id, or none in a state that allows the operation. */
export class KeyNotFound
  extends Schema.TaggedError<KeyNotFound>()("KeyNotFound", { id: Schema.String, detail: Schema.String })
{
  override get message() {
    return `key ${this.id}: ${this.detail}`
  }
}

/** The keyset could not be written; the old one stays in force. */
export class KeysetNotWritten extends Schema.TaggedError<KeysetNotWritten>()("KeysetNotWritten", {
  path: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `keyset ${this.path} could not be written; the keys in force stay in force`
  }
}

/** Why a key operation failed. */
export class KeyManagerError extends Schema.TaggedError<KeyManagerError>()("KeyManagerError", {
  reason: Schema.Union([KeysetRefused, KeyNotFound, KeysetNotWritten])
}) {
  override get message() {
    return this.reason.message
  }
}

/** States of a key: staged (the backup), primary, retiring, disabled. */
export type KeyState = "staged" | "primary" | "retiring" | "disabled"

/** A key as an operator sees it: no secret. Times are epoch ms. */
export interface KeyInfo {
  readonly id: string
  readonly state: KeyState
  readonly createdAt: number
  readonly primaryAt: number | undefined
  readonly retiredAt: number | undefined
}

/** The keyset as an operator sees it. */
export interface KeysetInfo {
  readonly generation: number
  readonly path: string
  readonly keys: ReadonlyArray<KeyInfo>
  readonly checkpointPublicKey: string
}

/** A change of the keyset, for the audit log. */
export interface KeyEvent {
  readonly kind: "created" | "rotated" | "revoked" | "reloaded" | "refused" | "rotation_failed"
  readonly detail: string
}

/** The versioned keyset: which keys sign, which verify, and how they change. */
export class KeyManager extends Context.Service<KeyManager, {
  /** The key that signs for a purpose now (derived once per key, purpose and boot). The seed's `getActiveKey`. */
  readonly getActiveKeyUnsafe: (purpose: Purpose) => MacKey
  /**
   * The key that may verify, by id, in O(1); `undefined` for an unknown or disabled id. The seed's `verifyWithAnyKey`.
   * Stored state is rewritten at its own pace, so a `state` key that merely retired stays valid until it is revoked.
   */
  readonly verifyKeyUnsafe: (purpose: Purpose, keyId: string) => MacKey | undefined
  /** Two 32-bit words that key the hashes of argument values and subjects; outside rotation. */
  readonly featureKeyUnsafe: () => readonly [number, number]
  /** Ed25519 signature of the checkpoint key, and its public key. */
  readonly signCheckpointUnsafe: (data: Uint8Array) => Uint8Array
  readonly checkpointPublicKeyUnsafe: () => Uint8Array
  /**
   * What the thread that writes evidence signs with now: the bytes of the active `audit` MAC key (those of
   * `getActiveKeyUnsafe("audit")`, 32 bytes, so that `auditKeyUnsafe(id)` verifies its records) and the seed of the
   * checkpoint key. Chain predecessors are known only inside the store's transaction, which that thread runs.
   */
  readonly auditSecretUnsafe: () => {
    readonly id: string
    readonly key: Redacted.Redacted<Uint8Array>
    readonly checkpointSeed: Redacted.Redacted<Uint8Array>
  }
  /** The audit MAC key by id, whatever its state: old evidence must stay verifiable. */
  readonly auditKeyUnsafe: (keyId: string) => MacKey | undefined
  /** Backup becomes primary, a new backup is made, the old primary retires. */
  readonly rotateKeys: Effect.Effect<KeysetInfo, KeyManagerError>
  /**
   * Disables a key at once; where it was primary, the backup takes over. The id `features` replaces the feature key:
   * every hashed value then looks new.
   */
  readonly revokeKey: (id: string) => Effect.Effect<KeysetInfo, KeyManagerError>
  readonly list: Effect.Effect<KeysetInfo>
  readonly events: Stream.Stream<KeyEvent>
}>()("effect-pic/services/KeyManager") {}
