import * as Schema from "effect/Schema"

/**
 * The kinds of value that the agent distinguishes; everything it cannot read safely is `opaque`.
 */
export const ArgumentType = Schema.Literals([
  "undefined",
  "null",
  "boolean",
  "number",
  "bigint",
  "string",
  "symbol",
  "function",
  "array",
  "object",
  "map",
  "set",
  "date",
  "error",
  "binary",
  "redacted",
  "opaque"
])
export type ArgumentType = typeof ArgumentType.Type

/** All argument types, in wire order: the position of a type is its code on the wire. Append only. */
export const argumentTypes: ReadonlyArray<ArgumentType> = ArgumentType.literals

const Uint32 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff }))
const Uint16 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff }))

/** Longest shape that an event carries, in symbols: the models score windows of four, so more adds cost and no signal. */
export const shapeLengthMax = 256
/** Most hashed character 3-grams that one argument carries. */
export const gramsMax = 256
/** Most described values (arguments, and fields of nested ones) per call; the rest is counted, not described. */
export const argumentsMax = 64
/** Longest path of a nested field, in characters. */
export const pathLengthMax = 128

/**
 * What leaves the agent about one argument value: its kind, size and form, never its content.
 *
 * `shape` keeps punctuation and replaces runs of letters by `a`, of digits by `0`, of both by `w`; `mask` and `value`
 * are keyed 32-bit hashes (0: none), of the lengths of the runs (of an array: of its length) and of the whole value; `magnitude` is a number rounded to about four significant digits, 0 for other
 * types; `grams` are keyed 16-bit buckets of character 3-grams, sorted, so that their order reveals nothing.
 */
export const ArgumentFeatures = Schema.Struct({
  path: Schema.String.check(Schema.isMaxLength(pathLengthMax)),
  type: ArgumentType,
  size: Uint32,
  shape: Schema.String.check(Schema.isMaxLength(shapeLengthMax)),
  mask: Uint32,
  value: Uint32,
  magnitude: Schema.Finite,
  grams: Schema.Array(Uint16).check(Schema.isMaxLength(gramsMax))
})
export type ArgumentFeatures = typeof ArgumentFeatures.Type

/** The description of the arguments of one call. `truncated` says that a limit cut the description short. */
export const CallFeatures = Schema.Struct({
  arity: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })),
  arguments: Schema.Array(ArgumentFeatures).check(Schema.isMaxLength(argumentsMax)),
  truncated: Schema.Boolean
})
export type CallFeatures = typeof CallFeatures.Type

/** Features of a call without arguments. */
export const none: CallFeatures = { arity: 0, arguments: [], truncated: false }
