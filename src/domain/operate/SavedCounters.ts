import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** Totals by name. Names that this version does not know are read and ignored by whoever takes them. */
const Saved = Schema.fromJsonString(Schema.Struct({
  v: Schema.Literal(1),
  totals: Schema.Record(Schema.String, Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
}))
const encodeSaved = Schema.encodeSync(Saved)
const decodeSaved = Schema.decodeUnknownResult(Saved)

/** Totals as stored. */
export const encode = (totals: Readonly<Record<string, number>>): Uint8Array =>
  new TextEncoder().encode(encodeSaved({ v: 1, totals }))

/** Totals out of stored bytes, or why there are none. */
export const decode = (bytes: Uint8Array): Result.Result<Readonly<Record<string, number>>, Schema.SchemaError> =>
  Result.map(decodeSaved(new TextDecoder().decode(bytes)), ({ totals }) => totals)
