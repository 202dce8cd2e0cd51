import * as Result from "effect/Result"
import { quoteMessage, quoteValue } from "../Printable.ts"
import { functionNameLengthMax } from "../TelemetryEvent.ts"

/** One call of a trace. What the line does not say is `undefined`. */
export interface TraceCall {
  readonly fn: string
  readonly args: ReadonlyArray<unknown>
  /** Epoch ms. */
  readonly t: number | undefined
  /** How long the call took, in ms. */
  readonly dur: number | undefined
  readonly ok: boolean | undefined
}

/** One line of a trace: a call, or, in the `seq` and `calls` shorthands, a whole session of calls. */
export interface TraceLine {
  readonly calls: ReadonlyArray<TraceCall>
  /** The session that the line names; empty where it names none. */
  readonly session: string
  /** The line is a session of its own, scored as one. */
  readonly whole: boolean
  /** Label: whether it is an attack; `undefined` where the line has none. Never shown to the brain. */
  readonly attack: boolean | undefined
  /** Label: the kind of attack or of normal call. */
  readonly kind: string | undefined
}

/** Longest session name and kind that a line may carry, in UTF-16 code units. */
export const nameLengthMax = 4_096

type Decoded<A> = Result.Result<A, string>
type Fields = Readonly<Record<string, unknown>>

const noArguments: ReadonlyArray<unknown> = []

const wrong = (key: string, value: unknown, expected: string): Decoded<never> =>
  Result.fail(`"${key}" is ${quoteValue(value)}, expected ${expected}`)

/** `null` is what many exporters write for a field that is not there. */
const isAbsent = (value: unknown): value is null | undefined => value === undefined || value === null

const nameError = (value: unknown, key: string): string | undefined => {
  if (typeof value !== "string") return `"${key}" is ${quoteValue(value)}, expected the name of a function`
  if (value.length === 0) return `"${key}" is empty, expected the name of a function`
  return value.length > functionNameLengthMax
    ? `"${key}" has ${value.length} characters, at most ${functionNameLengthMax} are allowed`
    : undefined
}

const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0

const timeOf = (fields: Fields, key: "t" | "dur"): Decoded<number | undefined> => {
  const value = fields[key]
  if (isAbsent(value)) return Result.succeed(undefined)
  return isTime(value) ? Result.succeed(value) : wrong(key, value, "a number of milliseconds, 0 or above")
}

const isPair = (value: unknown): value is readonly [string, unknown] =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === "string"

/** `[name, value]` pairs become one object, so that each name is the path of its value; a repeated name holds a list. */
const named = (pairs: ReadonlyArray<readonly [string, unknown]>): Readonly<Record<string, unknown>> => {
  const values = new Map<string, Array<unknown>>()
  for (const [name, value] of pairs) {
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  return Object.fromEntries(Array.from(values, ([name, list]) => [name, list.length === 1 ? list[0] : list]))
}

const argumentsOf = (fields: Fields): Decoded<ReadonlyArray<unknown>> => {
  const args = fields["args"]
  if (isAbsent(args)) return Result.succeed(noArguments)
  if (!Array.isArray(args)) return wrong("args", args, "a list of values or of [name, value] pairs")
  const list: ReadonlyArray<unknown> = args
  return Result.succeed(list.length > 0 && list.every(isPair) ? [named(list)] : list)
}

const okOf = (fields: Fields): Decoded<boolean | undefined> => {
  const ok = fields["ok"]
  if (isAbsent(ok)) return Result.succeed(undefined)
  return typeof ok === "boolean" ? Result.succeed(ok) : wrong("ok", ok, "true or false")
}

const textOf = (fields: Fields, key: "session" | "k"): Decoded<string | undefined> => {
  const value = fields[key]
  if (isAbsent(value)) return Result.succeed(undefined)
  if (typeof value === "number" && Number.isFinite(value)) return Result.succeed(String(value))
  if (typeof value !== "string") return wrong(key, value, "a text")
  return value.length > nameLengthMax
    ? Result.fail(`"${key}" has ${value.length} characters, at most ${nameLengthMax} are allowed`)
    : Result.succeed(value)
}

const attackOf = (fields: Fields): Decoded<boolean | undefined> => {
  const y = fields["y"]
  if (isAbsent(y)) return Result.succeed(undefined)
  return y === 0 || y === 1 ? Result.succeed(y === 1) : wrong("y", y, "0 for normal or 1 for an attack")
}

const callOf = (fields: Fields): Decoded<ReadonlyArray<TraceCall>> => {
  const fn = fields["fn"]
  const problem = nameError(fn, "fn")
  if (problem !== undefined) return Result.fail(problem)
  return Result.gen(function*() {
    return [{
      fn: String(fn),
      args: yield* argumentsOf(fields),
      t: yield* timeOf(fields, "t"),
      dur: yield* timeOf(fields, "dur"),
      ok: yield* okOf(fields)
    }]
  })
}

/** In the shorthands a function may be a number: system calls have no other name. */
const shortName = (value: unknown): unknown =>
  typeof value === "number" && Number.isFinite(value) ? String(value) : value

const briefCall = (fn: string, dur: number | undefined): TraceCall => ({
  fn,
  args: noArguments,
  t: undefined,
  dur,
  ok: undefined
})

const sequenceOf = (seq: unknown): Decoded<ReadonlyArray<TraceCall>> => {
  if (!Array.isArray(seq)) return wrong("seq", seq, "a list of functions")
  const calls: Array<TraceCall> = []
  for (let i = 0; i < seq.length; i++) {
    const fn = shortName(seq[i])
    const problem = nameError(fn, `seq[${i}]`)
    if (problem !== undefined) return Result.fail(problem)
    calls.push(briefCall(String(fn), undefined))
  }
  return Result.succeed(calls)
}

const timedSequenceOf = (list: unknown): Decoded<ReadonlyArray<TraceCall>> => {
  if (!Array.isArray(list)) return wrong("calls", list, "a list of [function, milliseconds]")
  const calls: Array<TraceCall> = []
  for (let i = 0; i < list.length; i++) {
    const entry: unknown = list[i]
    if (!Array.isArray(entry) || entry.length < 1 || entry.length > 2) {
      return wrong(`calls[${i}]`, entry, "[function, milliseconds]")
    }
    const fn = shortName(entry[0])
    const problem = nameError(fn, `calls[${i}][0]`)
    if (problem !== undefined) return Result.fail(problem)
    const dur: unknown = entry[1]
    if (!isAbsent(dur) && !isTime(dur)) return wrong(`calls[${i}][1]`, dur, "a number of milliseconds, 0 or above")
    calls.push(briefCall(String(fn), isAbsent(dur) ? undefined : dur))
  }
  return Result.succeed(calls)
}

const forms = ["fn", "seq", "calls"] as const

const callsOf = (fields: Fields, form: typeof forms[number]): Decoded<ReadonlyArray<TraceCall>> => {
  switch (form) {
    case "fn":
      return callOf(fields)
    case "seq":
      return sequenceOf(fields["seq"])
    case "calls":
      return timedSequenceOf(fields["calls"])
  }
}

const parse = (text: string): Decoded<Fields> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "unknown reason"
    return Result.fail(`is not JSON: ${quoteMessage(why.replace(/ \(line 1 column \d+\)$/, ""))}`)
  }
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Result.succeed(value as Fields)
    : Result.fail(`is ${quoteValue(value)}, expected a JSON object`)
}

/** Reads one line of a trace; the reason of a refusal completes the sentence "<file>, line <n>: …". */
export const decode = (text: string): Decoded<TraceLine> =>
  Result.gen(function*() {
    const fields = yield* parse(text)
    const given = forms.filter((form) => !isAbsent(fields[form]))
    const form = given[0]
    if (form === undefined) return yield* Result.fail("has no \"fn\" (and neither \"seq\" nor \"calls\")")
    if (given.length > 1) return yield* Result.fail(`has ${given.map((one) => `"${one}"`).join(" and ")}, expected one`)
    return {
      calls: yield* callsOf(fields, form),
      session: (yield* textOf(fields, "session")) ?? "",
      whole: form !== "fn",
      attack: yield* attackOf(fields),
      kind: yield* textOf(fields, "k")
    }
  })
