import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** Bytes of every root secret: the strength of HMAC-SHA256 (RFC 2104, section 3). */
export const rootLength = 32
/**
 * Most keys in one keyset. Disabled keys stay, because old evidence must stay verifiable; at one rotation a day this
 * is eleven years.
 */
export const keysMax = 4096

/**
 * What was done with a key. `retired` keys verify for the longest message age and are disabled afterwards, which
 * follows from the time alone; `revoked` ones are disabled at once.
 */
export type KeyStatus = "staged" | "primary" | "retired" | "revoked"

/** A root secret and its life; MAC keys are derived from it per purpose. Times are epoch ms. */
export interface KeyRecord {
  readonly id: string
  readonly root: Redacted.Redacted<Uint8Array>
  readonly status: KeyStatus
  readonly createdAt: number
  readonly primaryAt: number | undefined
  readonly retiredAt: number | undefined
}

/**
 * All keys of a deployment. Every change counts `generation` up, so that an older one put back is noticed. The feature
 * root is outside rotation: changing it makes every hashed value novel.
 */
export interface Keyset {
  readonly generation: number
  readonly keys: ReadonlyArray<KeyRecord>
  readonly checkpointSeed: Redacted.Redacted<Uint8Array>
  readonly checkpointPublicKey: Uint8Array
  readonly featureRoot: Redacted.Redacted<Uint8Array>
}

/** A new key that nothing has used yet; its root must be independent of every other. */
export interface FreshKey {
  readonly id: string
  readonly root: Redacted.Redacted<Uint8Array>
}

/** A change of the keyset. Each carries the new secrets it may need and the time in epoch ms. */
export type KeysetCommand =
  | { readonly _tag: "Rotate"; readonly fresh: FreshKey; readonly now: number }
  | { readonly _tag: "Revoke"; readonly id: string; readonly fresh: FreshKey; readonly now: number }
  | { readonly _tag: "RevokeFeatures"; readonly root: Redacted.Redacted<Uint8Array> }

/** Why a change was refused. */
export interface KeysetRefusal {
  readonly id: string
  readonly detail: string
}

const staged = (fresh: FreshKey, now: number): KeyRecord => ({
  ...fresh,
  status: "staged",
  createdAt: now,
  primaryAt: undefined,
  retiredAt: undefined
})

/** The first keyset of a deployment: one primary, one backup. */
export const initial = (options: {
  readonly primary: FreshKey
  readonly backup: FreshKey
  readonly checkpointSeed: Redacted.Redacted<Uint8Array>
  readonly checkpointPublicKey: Uint8Array
  readonly featureRoot: Redacted.Redacted<Uint8Array>
  readonly now: number
}): Keyset => ({
  generation: 1,
  keys: [
    { ...staged(options.primary, options.now), status: "primary", primaryAt: options.now },
    staged(options.backup, options.now)
  ],
  checkpointSeed: options.checkpointSeed,
  checkpointPublicKey: options.checkpointPublicKey,
  featureRoot: options.featureRoot
})

/** The key that signs. */
export const primaryOf = (keyset: Keyset): KeyRecord | undefined => keyset.keys.find((key) => key.status === "primary")

/** The backup that becomes primary at the next rotation. */
export const stagedOf = (keyset: Keyset): KeyRecord | undefined => keyset.keys.find((key) => key.status === "staged")

const promote = (keyset: Keyset, fresh: FreshKey, now: number, old: "retired" | "revoked"): Keyset => ({
  ...keyset,
  generation: keyset.generation + 1,
  keys: [
    ...keyset.keys.map((key): KeyRecord => {
      if (key.status === "primary") return { ...key, status: old, retiredAt: now }
      return key.status === "staged" ? { ...key, status: "primary", primaryAt: now } : key
    }),
    staged(fresh, now)
  ]
})

const revoke = (keyset: Keyset, target: KeyRecord, fresh: FreshKey, now: number): Keyset => {
  if (target.status === "primary") return promote(keyset, fresh, now, "revoked")
  const keys = keyset.keys.map((key): KeyRecord =>
    key.id === target.id ? { ...key, status: "revoked", retiredAt: key.retiredAt ?? now } : key
  )
  return {
    ...keyset,
    generation: keyset.generation + 1,
    keys: target.status === "staged" ? [...keys, staged(fresh, now)] : keys
  }
}

const refuse = (id: string, detail: string) => Result.fail({ id, detail })

const admits = (keyset: Keyset, fresh: FreshKey): Result.Result<void, KeysetRefusal> => {
  if (keyset.keys.length >= keysMax) return refuse(fresh.id, `the keyset already holds ${keysMax} keys`)
  return keyset.keys.some((key) => key.id === fresh.id) ? refuse(fresh.id, "is already in the keyset") : Result.void
}

/** Applies one change. The result again has exactly one primary and one backup. */
export const apply = (keyset: Keyset, command: KeysetCommand): Result.Result<Keyset, KeysetRefusal> => {
  switch (command._tag) {
    case "Rotate":
      return Result.map(
        admits(keyset, command.fresh),
        () => promote(keyset, command.fresh, command.now, "retired")
      )
    case "Revoke": {
      const target = keyset.keys.find((key) => key.id === command.id)
      if (target === undefined) return refuse(command.id, "is not in the keyset")
      if (target.status === "revoked") return refuse(command.id, "is already revoked")
      return Result.map(admits(keyset, command.fresh), () => revoke(keyset, target, command.fresh, command.now))
    }
    case "RevokeFeatures":
      return Result.succeed({ ...keyset, generation: keyset.generation + 1, featureRoot: command.root })
  }
}

/** Whether a retired key has outlived every message it may have signed. A clock put back only makes it live longer. */
export const isExpired = (key: KeyRecord, now: number, retireMs: number): boolean =>
  key.status === "retired" && key.retiredAt !== undefined && now - key.retiredAt > retireMs

/** What is wrong with a keyset, if anything: the invariants that every operation keeps and a file may break. */
export const violation = (keyset: Keyset): string | undefined => {
  const { checkpointPublicKey, checkpointSeed, featureRoot, generation, keys } = keyset
  const count = (status: KeyStatus) => keys.filter((key) => key.status === status).length
  if (!Number.isSafeInteger(generation) || generation < 1) return "generation is not a positive integer"
  if (keys.length > keysMax) return `more than ${keysMax} keys`
  if (count("primary") !== 1) return `${count("primary")} primary keys, expected one`
  if (count("staged") !== 1) return `${count("staged")} staged keys, expected one`
  if (new Set(keys.map((key) => key.id)).size !== keys.length) return "two keys of one id"
  const secrets = [...keys.map((key) => key.root), checkpointSeed, featureRoot].map(Redacted.value)
  if (secrets.some((bytes) => bytes.length !== rootLength)) return `a secret that is not ${rootLength} bytes long`
  if (checkpointPublicKey.length !== rootLength) return `a checkpoint key that is not ${rootLength} bytes long`
  const undated = keys.find((key) =>
    (key.status === "primary" && key.primaryAt === undefined) ||
    (key.status === "retired" && key.retiredAt === undefined)
  )
  return undated === undefined ? undefined : `key ${undated.id} has no time of its last change`
}
