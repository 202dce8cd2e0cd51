import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Keyset from "./Keyset.ts"

/** Marks the file, so that another JSON file is never taken for a keyset. */
export const format = "effect-pic keyset"
/** Version of the file layout. */
export const version = 1

const Time = Schema.Finite
const Secret = Schema.Uint8ArrayFromBase64Url

const KeyEntry = Schema.Struct({
  id: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(32)),
  state: Schema.Literals(["staged", "primary", "retired", "revoked"]),
  root: Secret,
  createdAt: Time,
  primaryAt: Schema.optionalKey(Time),
  retiredAt: Schema.optionalKey(Time)
})

/** The keyset file: JSON, secrets in base64url, times in epoch ms. `checksum` finds damage, not tampering. */
export const KeysetDocument = Schema.Struct({
  format: Schema.Literal(format),
  version: Schema.Literal(version),
  generation: Schema.Int,
  keys: Schema.Array(KeyEntry).check(Schema.isMaxLength(Keyset.keysMax)),
  checkpointSeed: Secret,
  checkpointPublicKey: Secret,
  featureRoot: Secret,
  checksum: Schema.String.check(Schema.isMaxLength(64))
})
export type KeysetDocument = typeof KeysetDocument.Type

/** A hash of text, as the checksum is written. */
export type Hash = (text: string) => string

const encodeDocument = Schema.encodeSync(KeysetDocument)
const decodeDocument = Schema.decodeUnknownResult(Schema.fromJsonString(KeysetDocument))

const documentOf = (keyset: Keyset.Keyset, checksum: string): KeysetDocument => ({
  format,
  version,
  generation: keyset.generation,
  keys: keyset.keys.map((key) => ({
    id: key.id,
    state: key.status,
    root: Redacted.value(key.root),
    createdAt: key.createdAt,
    ...(key.primaryAt === undefined ? {} : { primaryAt: key.primaryAt }),
    ...(key.retiredAt === undefined ? {} : { retiredAt: key.retiredAt })
  })),
  checkpointSeed: Redacted.value(keyset.checkpointSeed),
  checkpointPublicKey: keyset.checkpointPublicKey,
  featureRoot: Redacted.value(keyset.featureRoot),
  checksum
})

/** The checksum of a keyset: the hash of its document with an empty checksum. Equal keysets have equal checksums. */
export const checksumOf = (keyset: Keyset.Keyset, hash: Hash): string =>
  hash(JSON.stringify(encodeDocument(documentOf(keyset, ""))))

/** The text of the file. */
export const print = (keyset: Keyset.Keyset, hash: Hash): string =>
  `${JSON.stringify(encodeDocument(documentOf(keyset, checksumOf(keyset, hash))), undefined, 2)}\n`

/** Reads the text of a file. A refusal never repeats what it read: the file holds secrets. */
export const parse = (text: string, hash: Hash): Result.Result<Keyset.Keyset, string> => {
  const decoded = decodeDocument(text)
  if (Result.isFailure(decoded)) return Result.fail("is not a keyset")
  const document = decoded.success
  const keyset: Keyset.Keyset = {
    generation: document.generation,
    keys: document.keys.map((key) => ({
      id: key.id,
      root: Redacted.make(key.root),
      status: key.state,
      createdAt: key.createdAt,
      primaryAt: key.primaryAt,
      retiredAt: key.retiredAt
    })),
    checkpointSeed: Redacted.make(document.checkpointSeed),
    checkpointPublicKey: document.checkpointPublicKey,
    featureRoot: Redacted.make(document.featureRoot)
  }
  if (checksumOf(keyset, hash) !== document.checksum) return Result.fail("is damaged: its checksum does not match")
  const violation = Keyset.violation(keyset)
  return violation === undefined ? Result.succeed(keyset) : Result.fail(`breaks a rule of keysets: ${violation}`)
}
