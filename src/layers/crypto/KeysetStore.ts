import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Keyset from "../../domain/keys/Keyset.ts"
import type { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManagerError, KeyNotFound } from "../../services/KeyManager.ts"

/** A change of the keyset, computed from the newest one. Returning the same keyset changes nothing. */
export type KeysetChange = (current: Keyset.Keyset) => Result.Result<Keyset.Keyset, Keyset.KeysetRefusal>

/** Where the keyset lives. */
export interface KeysetStore {
  /** As an operator sees it: a path, `memory` or `environment`. */
  readonly path: string
  /** Whether new periods arrive through `refresh`, without an `update`. */
  readonly rotatesItself: boolean
  /** The keyset at start, made where there is none. */
  readonly open: Effect.Effect<{ readonly keyset: Keyset.Keyset; readonly created: boolean }, KeyManagerError>
  /** The keyset, unless it is still that of the generation in force: then `undefined`. */
  readonly refresh: (inForce: number) => Effect.Effect<Keyset.Keyset | undefined, KeyManagerError>
  /** `refresh` at once, for a message that cannot wait; gives `undefined` also where the keyset cannot be read. */
  readonly lookUnsafe: (inForce: number) => Keyset.Keyset | undefined
  /** Reads, changes and writes in one step that excludes other processes; durable when it succeeds. */
  readonly update: (change: KeysetChange) => Effect.Effect<Keyset.Keyset, KeyManagerError>
}

/** A fresh key: 32 random bytes, independent of everything, under a random id. */
export const freshKey = (crypto: CryptoCore["Service"]): Keyset.FreshKey => ({
  id: `k${Buffer.from(crypto.randomBytesUnsafe(6)).toString("hex")}`,
  root: freshRoot(crypto)
})

/** A fresh root secret. */
export const freshRoot = (crypto: CryptoCore["Service"]): Redacted.Redacted<Uint8Array> =>
  Redacted.make(crypto.randomBytesUnsafe(Keyset.rootLength))

/** A fresh keyset. */
export const freshKeyset = (crypto: CryptoCore["Service"], now: number): Keyset.Keyset => {
  const checkpoint = crypto.generateSigningKeyUnsafe()
  return Keyset.initial({
    primary: freshKey(crypto),
    backup: freshKey(crypto),
    checkpointSeed: checkpoint.seed,
    checkpointPublicKey: checkpoint.publicKey,
    featureRoot: freshRoot(crypto),
    now
  })
}

/** A refused change as the error of the service. */
export const refusedChange = ({ detail, id }: Keyset.KeysetRefusal): KeyManagerError =>
  new KeyManagerError({ reason: new KeyNotFound({ id, detail }) })

/** A keyset that ends with the process. */
export const makeMemory = (crypto: CryptoCore["Service"], now: () => number): KeysetStore => {
  let keyset = freshKeyset(crypto, now())
  return {
    path: "memory",
    rotatesItself: false,
    open: Effect.sync(() => ({ keyset, created: true })),
    refresh: () => Effect.sync((): Keyset.Keyset | undefined => undefined),
    lookUnsafe: () => undefined,
    update: (change) =>
      Effect.suspend(() => {
        const changed = change(keyset)
        if (Result.isFailure(changed)) return Effect.fail(refusedChange(changed.failure))
        keyset = changed.success
        return Effect.succeed(keyset)
      })
  }
}
