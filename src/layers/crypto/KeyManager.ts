import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Keyset from "../../domain/keys/Keyset.ts"
import type { Settings } from "../../domain/settings/Settings.ts"
import { timestampFutureMs } from "../../domain/wire/ReplayWindow.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { type KeyEvent, KeyManager, type KeyManagerError } from "../../services/KeyManager.ts"
import { Alerts } from "../../services/Alerts.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { PicHealth } from "../../services/PicHealth.ts"
import * as KeysetEnvironment from "./KeysetEnvironment.ts"
import * as KeysetFile from "./KeysetFile.ts"
import { KeyRing } from "./KeyRing.ts"
import { freshKey, freshRoot, type KeysetStore, makeMemory } from "./KeysetStore.ts"

/** How often the keyset is looked at for changes and due rotations: bounds how long a revocation takes to arrive. */
const pollInterval = "1 second"
/**
 * How often, in ms, an unknown key id makes us look at once, instead of at the next poll: two rotations, each with its
 * fsyncs, take longer, so no valid message is refused, and a flood of invented ids costs a look a millisecond.
 */
const missIntervalMs = 1
/** How long a failed scheduled rotation rests before it is tried again, in ms: a full disk rarely empties sooner. */
const rotationRetryMs = 60_000
/** Key events kept for subscribers that come late or lag; each is a line, and they are rare. */
const eventsMax = 64
const dayMs = 86_400_000

/** What the manager tells the outside when keys are in trouble. */
interface Warnings {
  /** Returns whether this is news: what persists is reported once. */
  readonly raise: (name: string, message: string) => boolean
  readonly clear: (name: string) => void
}

const silent: Warnings = { raise: () => true, clear: () => {} }

const warningsOf = (alerts: Alerts["Service"], health: PicHealth["Service"]): Warnings => {
  const raised = new Map<string, string>()
  return {
    raise: (name, message) => {
      if (raised.get(name) === message) return false
      raised.set(name, message)
      alerts.raiseUnsafe("key_failure", message)
      health.reportUnsafe(name, "degraded", message)
      return true
    },
    clear: (name) => {
      if (raised.delete(name)) health.clearUnsafe(name)
    }
  }
}

interface Manager {
  readonly ring: KeyRing
  readonly store: KeysetStore
  readonly crypto: CryptoCore["Service"]
  readonly clock: PicClock["Service"]
  readonly config: PicConfig["Service"]
  readonly warnings: Warnings
  readonly emit: (kind: KeyEvent["kind"], detail: string) => void
}

const isDue = ({ clock, config, ring, store }: Manager): Keyset.KeyRecord | undefined => {
  if (store.rotatesItself) return undefined
  const primary = Keyset.primaryOf(ring.keyset)
  const periodMs = config.settingsUnsafe().crypto.rotation_days * dayMs
  return primary?.primaryAt !== undefined && clock.nowUnsafe() - primary.primaryAt >= periodMs ? primary : undefined
}

/** Rotates unless another process has already replaced the key that was due. */
const rotate = ({ clock, crypto, emit, ring, store }: Manager, due: Keyset.KeyRecord | undefined) =>
  store.update((current) =>
    due !== undefined && Keyset.primaryOf(current)?.id !== due.id
      ? Result.succeed(current)
      : Keyset.apply(current, { _tag: "Rotate", fresh: freshKey(crypto), now: clock.nowUnsafe() })
  ).pipe(Effect.map((keyset) => {
    ring.adopt(keyset)
    emit("rotated", `primary key is ${Keyset.primaryOf(keyset)?.id ?? "none"}, generation ${keyset.generation}`)
    return ring.info(store.path)
  }))

/** The feature key is revoked under this name; every model then learns anew. */
export const featureKeyId = "features"

const revoke = ({ clock, crypto, emit, ring, store }: Manager, id: string) =>
  store.update((current) =>
    Keyset.apply(
      current,
      id === featureKeyId
        ? { _tag: "RevokeFeatures", root: freshRoot(crypto) }
        : { _tag: "Revoke", id, fresh: freshKey(crypto), now: clock.nowUnsafe() }
    )
  ).pipe(Effect.map((keyset) => {
    ring.adopt(keyset)
    emit("revoked", `key ${id} is disabled, primary key is ${Keyset.primaryOf(keyset)?.id ?? "none"}`)
    return ring.info(store.path)
  }))

/** Looks for a newer keyset when a message names a key that this process has not seen yet. */
const makeRenew = ({ clock, emit, store }: Omit<Manager, "ring">, ring: () => KeyRing) => {
  let lookedAt = -Infinity
  return (): boolean => {
    const now = clock.nowUnsafe()
    if (Math.abs(now - lookedAt) < missIntervalMs) return false
    lookedAt = now
    const keyset = store.lookUnsafe(ring().keyset.generation)
    if (keyset === undefined || !ring().adopt(keyset)) return false
    emit("reloaded", `generation ${keyset.generation}`)
    return true
  }
}

const refresh = ({ emit, ring, store, warnings }: Manager) =>
  Effect.suspend(() => store.refresh(ring.keyset.generation)).pipe(
    Effect.map((keyset) => {
      if (keyset !== undefined && ring.adopt(keyset)) emit("reloaded", `generation ${keyset.generation}`)
      warnings.clear("keyset")
    }),
    Effect.catch((error) =>
      Effect.sync(() => {
        const message = `${error.message}; the keys in force stay in force`
        if (warnings.raise("keyset", message)) emit("refused", message)
      })
    )
  )

/** Rotates when due. Where that fails, the backup key signs, which every process can verify already. */
const makeScheduledRotation = (manager: Manager) => {
  const { clock, emit, ring, warnings } = manager
  let notBefore = 0
  const failed = (error: KeyManagerError) =>
    Effect.sync(() => {
      notBefore = clock.nowUnsafe() + rotationRetryMs
      const message = `key rotation failed (${error.message}); backup key ${ring.signWithBackup()} signs`
      if (warnings.raise("key_rotation", message)) emit("rotation_failed", message)
    })
  return Effect.suspend(() => {
    const due = clock.nowUnsafe() < notBefore ? undefined : isDue(manager)
    if (due === undefined) return Effect.void
    return rotate(manager, due).pipe(
      Effect.map(() => warnings.clear("key_rotation")),
      Effect.catch(failed)
    )
  })
}

const make = Effect.fnUntraced(function*(store: KeysetStore, warnings: Warnings, bootId: string) {
  const crypto = yield* CryptoCore
  const clock = yield* PicClock
  const config = yield* PicConfig
  const opened = yield* store.open
  const events = yield* PubSub.sliding<KeyEvent>({ capacity: eventsMax, replay: eventsMax })
  const emit = (kind: KeyEvent["kind"], detail: string) => void PubSub.publishUnsafe(events, { kind, detail })
  const parts = { store, crypto, clock, config, warnings, emit }
  const ring: KeyRing = new KeyRing(opened.keyset, {
    crypto,
    bootId,
    now: clock.nowUnsafe,
    retireMs: () => config.settingsUnsafe().crypto.nonce_expiry_seconds * 1000 + timestampFutureMs,
    renew: makeRenew(parts, () => ring)
  })
  const manager: Manager = { ring, ...parts }
  if (opened.created) emit("created", `primary key is ${Keyset.primaryOf(opened.keyset)?.id ?? "none"}`)
  // Apart, so that a rotation that waits for a slow disk never delays the arrival of a revocation.
  for (const work of [refresh(manager), makeScheduledRotation(manager)]) {
    yield* Effect.forkScoped(Effect.repeat(work, Schedule.spaced(pollInterval)))
  }
  return KeyManager.of({
    getActiveKeyUnsafe: (purpose) => ring.active(purpose),
    verifyKeyUnsafe: (purpose, keyId) => ring.verify(purpose, keyId),
    featureKeyUnsafe: () => ring.features(),
    signCheckpointUnsafe: (data) => crypto.signUnsafe(ring.keyset.checkpointSeed, data),
    checkpointPublicKeyUnsafe: () => ring.keyset.checkpointPublicKey,
    auditSecretUnsafe: () => ({ ...ring.auditSecret(), checkpointSeed: ring.keyset.checkpointSeed }),
    auditKeyUnsafe: (keyId) => ring.audit(keyId),
    rotateKeys: rotate(manager, undefined),
    revokeKey: (id) => revoke(manager, id),
    list: Effect.sync(() => ring.info(store.path)),
    events: Stream.fromPubSub(events)
  })
})

const newBootId = (crypto: CryptoCore["Service"]) => Buffer.from(crypto.randomBytesUnsafe(16)).toString("base64url")

/** Layer with a fresh keyset that ends with the process. */
export const layerMemory: Layer.Layer<KeyManager, never, CryptoCore | PicClock | PicConfig> = Layer.effect(
  KeyManager,
  Effect.gen(function*() {
    const crypto = yield* CryptoCore
    const clock = yield* PicClock
    return yield* Effect.orDie(make(makeMemory(crypto, clock.nowUnsafe), silent, newBootId(crypto)))
  })
)

/** Where the settings put the keyset file; `undefined` where they keep nothing. */
export const keysetPathOf = ({ crypto: { keyset_path }, storage: { directory } }: Settings): string | undefined => {
  if (keyset_path !== "") return keyset_path
  return directory === "memory" ? undefined : `${directory}/keyset.json`
}

type FileServices = CryptoCore | PicConfig | PicClock | Alerts | PicHealth

const makeStored = Effect.fnUntraced(function*(boot: "own" | "shared"): Effect.fn.Return<
  KeyManager["Service"],
  KeyManagerError,
  FileServices | Scope.Scope
> {
  const crypto = yield* CryptoCore
  const clock = yield* PicClock
  const path = keysetPathOf((yield* PicConfig).settingsUnsafe())
  const warnings = warningsOf(yield* Alerts, yield* PicHealth)
  const bootId = boot === "own" ? newBootId(crypto) : ""
  const environment = yield* KeysetEnvironment.make(clock.nowUnsafe)
  if (environment !== undefined) return yield* make(environment, warnings, bootId)
  const store = path === undefined
    ? makeMemory(crypto, clock.nowUnsafe)
    : KeysetFile.make(path, crypto, clock.nowUnsafe)
  return yield* make(store, warnings, bootId)
})

/**
 * Layer over the keyset file (`crypto.keyset_path`, else `keyset.json` in `storage.directory`; made where missing), or
 * over the secret in `PIC_ROOT_SECRET` where that is set. Link keys also depend on a random boot id, so that no envelope
 * outlives the process.
 */
export const layerFile: Layer.Layer<KeyManager, KeyManagerError, FileServices> = Layer.effect(
  KeyManager,
  makeStored("own")
)

/**
 * Layer like `layerFile` whose link keys have no boot id, for an agent and a brain in two processes over one keyset. Use
 * it with `ReplayGuard.layerDurable`: envelopes then outlive a restart.
 */
export const layerFileShared: Layer.Layer<KeyManager, KeyManagerError, FileServices> = Layer.effect(
  KeyManager,
  makeStored("shared")
)
