import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Keyset from "../../domain/keys/Keyset.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManagerError, KeysetRefused } from "../../services/KeyManager.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { publicKeyOf } from "./Ed25519.ts"
import type { KeysetStore } from "./KeysetStore.ts"

/** The variable that holds the root secret, where no file can. */
export const variable = "PIC_ROOT_SECRET"
/** Shortest root secret, in characters: 32 random ones of base64 carry 192 bits. */
const secretLengthMin = 32
/** Past keys that old evidence can still be verified with: more than a year at one rotation a day, decades at 90. */
const historyMax = 400
const dayMs = 86_400_000

const refused = (detail: string) =>
  new KeyManagerError({ reason: new KeysetRefused({ path: `environment ${variable}`, detail }) })

const fixed = refused("keys from the environment rotate by the calendar; replace the secret to replace them all")

const generationOf = (period: number): number => period + 1

/** The keyset of one period: everything in it follows from the secret and the period's number. */
const derive = (
  crypto: CryptoCore["Service"],
  secret: Redacted.Redacted<Uint8Array>,
  period: number,
  periodMs: number
): Keyset.Keyset => {
  const bytes = (info: string, length: number) => crypto.deriveBytesUnsafe(secret, `environment\0${info}`, length)
  const fingerprint = Buffer.from(Redacted.value(bytes("fingerprint", 4))).toString("hex")
  const record = (n: number): Keyset.KeyRecord => ({
    id: `e${fingerprint}-${n}`,
    root: bytes(`root\0${n}`, 32),
    status: n > period ? "staged" : n === period ? "primary" : "retired",
    createdAt: (n - 1) * periodMs,
    primaryAt: n > period ? undefined : n * periodMs,
    retiredAt: n < period ? (n + 1) * periodMs : undefined
  })
  const first = Math.max(0, period - historyMax)
  const checkpointSeed = bytes("checkpoint", 32)
  return {
    generation: generationOf(period),
    keys: Array.from({ length: period - first + 2 }, (_, i) => record(first + i)),
    checkpointSeed,
    checkpointPublicKey: publicKeyOf(checkpointSeed),
    featureRoot: bytes("features", 32)
  }
}

/**
 * The keyset that `PIC_ROOT_SECRET` stands for, or `undefined` where it is not set. A key's number is the count of
 * rotation periods since the epoch, so that every process with the secret rotates at the same moment without a file.
 */
export const make = Effect.fnUntraced(function*(now: () => number) {
  const secret = yield* Config.option(Config.Redacted(variable)).pipe(
    Effect.mapError(() => refused("cannot be read"))
  )
  if (Option.isNone(secret)) return undefined
  const text = Redacted.value(secret.value)
  if (text.length < secretLengthMin) return yield* refused(`is shorter than ${secretLengthMin} characters`)
  const crypto = yield* CryptoCore
  const config = yield* PicConfig
  const root = Redacted.make(new Uint8Array(Buffer.from(text)))
  const periodMs = config.settingsUnsafe().crypto.rotation_days * dayMs
  const periodNow = () => Math.max(0, Math.floor(now() / periodMs))
  const current = () => derive(crypto, root, periodNow(), periodMs)
  const look = (inForce: number) => generationOf(periodNow()) > inForce ? current() : undefined
  const store: KeysetStore = {
    path: `environment ${variable}`,
    rotatesItself: true,
    open: Effect.sync(() => ({ keyset: current(), created: false })),
    refresh: (inForce) => Effect.sync(() => look(inForce)),
    lookUnsafe: look,
    update: () => Effect.fail(fixed)
  }
  return store
})
