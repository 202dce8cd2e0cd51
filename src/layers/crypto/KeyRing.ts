import * as Redacted from "effect/Redacted"
import * as Keyset from "../../domain/keys/Keyset.ts"
import { directionOf, type MacKey, type Purpose } from "../../domain/keys/MacKey.ts"
import type { CryptoCore } from "../../services/CryptoCore.ts"
import type { KeysetInfo, KeyState } from "../../services/KeyManager.ts"

/** What a key ring needs to know at each use. */
export interface KeyRingOptions {
  readonly crypto: CryptoCore["Service"]
  /** Goes into the link keys, so that envelopes of an earlier boot verify nothing; empty where processes share keys. */
  readonly bootId: string
  readonly now: () => number
  /** How long a retired key still verifies, in ms. */
  readonly retireMs: () => number
  /** Asked where a key id is unknown: puts a newer keyset in force if there is one, and says whether it did. */
  readonly renew: () => boolean
}

/** MAC keys of one root, derived on first use of each purpose. */
class Entry {
  readonly record: Keyset.KeyRecord
  readonly #derived = new Map<Purpose, MacKey>()
  readonly #options: KeyRingOptions

  constructor(record: Keyset.KeyRecord, options: KeyRingOptions) {
    this.record = record
    this.#options = options
  }

  key(purpose: Purpose): MacKey {
    const known = this.#derived.get(purpose)
    if (known !== undefined) return known
    const { bootId, crypto } = this.#options
    const info = infoOf(purpose, bootId)
    const key = crypto.deriveKeyUnsafe(this.record.root, { id: this.record.id, purpose, info })
    this.#derived.set(purpose, key)
    return key
  }
}

const infoOf = (purpose: Purpose, bootId: string): string => {
  const direction = directionOf(purpose)
  return direction === undefined ? "durable" : `link\0${direction}\0${bootId}`
}

const stateOf = (record: Keyset.KeyRecord, now: number, retireMs: number): KeyState => {
  switch (record.status) {
    case "revoked":
      return "disabled"
    case "retired":
      return Keyset.isExpired(record, now, retireMs) ? "disabled" : "retiring"
    default:
      return record.status
  }
}

/** A keyset in use: which key signs, which verify, each derived once. */
export class KeyRing {
  readonly #options: KeyRingOptions
  #keyset: Keyset.Keyset
  #entries: ReadonlyMap<string, Entry> = new Map()
  #signer: Entry
  #features: readonly [number, number] = [0, 0]
  #auditSecret: Redacted.Redacted<Uint8Array> | undefined

  constructor(keyset: Keyset.Keyset, options: KeyRingOptions) {
    this.#options = options
    this.#keyset = keyset
    this.#signer = this.#install(keyset)
  }

  get keyset(): Keyset.Keyset {
    return this.#keyset
  }

  /** Puts a keyset in force where it is newer, and says whether it was: two that wait may finish in either order. */
  adopt(keyset: Keyset.Keyset): boolean {
    if (keyset.generation <= this.#keyset.generation) return false
    this.#install(keyset)
    return true
  }

  #install(keyset: Keyset.Keyset): Entry {
    const entries = new Map<string, Entry>()
    for (const record of keyset.keys) entries.set(record.id, new Entry(record, this.#options))
    const primary = Keyset.primaryOf(keyset)
    const signer = primary === undefined ? undefined : entries.get(primary.id)
    if (signer === undefined) throw new Error("a keyset without a primary key was installed")
    this.#features = this.#deriveFeatures(keyset)
    this.#keyset = keyset
    this.#entries = entries
    this.#sign(signer)
    return signer
  }

  /** Signs with the backup until a newer keyset is adopted: it is in every process's keyset already, so all can verify it. */
  signWithBackup(): string {
    const backup = Keyset.stagedOf(this.#keyset)
    const entry = backup === undefined ? undefined : this.#entries.get(backup.id)
    if (entry !== undefined) this.#sign(entry)
    return this.#signer.record.id
  }

  active(purpose: Purpose): MacKey {
    return this.#signer.key(purpose)
  }

  /**
   * The key that verifies, in O(1). Stored state is rewritten at its own pace, so its keys stay valid until revoked;
   * messages must come from a key that signs or signed within the longest message age.
   */
  verify(purpose: Purpose, id: string): MacKey | undefined {
    const entry = id === this.#signer.record.id ? this.#signer : this.#find(id)
    if (entry === undefined) return undefined
    const { record } = entry
    if (record.status === "revoked") return undefined
    if (record.status === "retired" && purpose !== "state") {
      if (Keyset.isExpired(record, this.#options.now(), this.#options.retireMs())) return undefined
    }
    return entry.key(purpose)
  }

  /** The key of old evidence, whatever became of it. */
  audit(id: string): MacKey | undefined {
    return this.#find(id)?.key("audit")
  }

  /** The bytes of the audit key in force. */
  auditSecret(): { readonly id: string; readonly key: Redacted.Redacted<Uint8Array> } {
    const { id, root } = this.#signer.record
    this.#auditSecret ??= this.#options.crypto.deriveBytesUnsafe(
      root,
      `audit\0${infoOf("audit", "")}`,
      Keyset.rootLength
    )
    return { id, key: this.#auditSecret }
  }

  features(): readonly [number, number] {
    return this.#features
  }

  info(path: string): KeysetInfo {
    const now = this.#options.now()
    const retireMs = this.#options.retireMs()
    return {
      generation: this.#keyset.generation,
      path,
      keys: this.#keyset.keys.map((record) => ({
        id: record.id,
        state: stateOf(record, now, retireMs),
        createdAt: record.createdAt,
        primaryAt: record.primaryAt,
        retiredAt: record.retiredAt
      })),
      checkpointPublicKey: Buffer.from(this.#keyset.checkpointPublicKey).toString("base64url")
    }
  }

  #find(id: string): Entry | undefined {
    return this.#entries.get(id) ?? (this.#options.renew() ? this.#entries.get(id) : undefined)
  }

  #sign(entry: Entry): void {
    this.#signer = entry
    this.#auditSecret = undefined
  }

  #deriveFeatures(keyset: Keyset.Keyset): readonly [number, number] {
    const bytes = Redacted.value(this.#options.crypto.deriveBytesUnsafe(keyset.featureRoot, "features", 8))
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return [view.getUint32(0), view.getUint32(4)]
  }
}
