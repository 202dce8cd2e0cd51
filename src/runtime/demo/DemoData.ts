import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"

/** The demo's data is not where it should be: it is part of a checkout and of the published package. */
export class DemoDataMissing
  extends Data.TaggedError("DemoDataMissing")<{ readonly file: string; readonly detail: string }>
{
  override get message() {
    return `${this.file}: ${this.detail}`
  }
}

/** The kinds of values in the data; `norm` is a normal one, the others are attacks. */
export const Kind = Schema.Literals(["norm", "sqli", "xss", "cmdi", "path-traversal"])
export type Kind = typeof Kind.Type
/** The kinds of attacks, in the order in which reports list them. */
export const attackKinds = ["sqli", "xss", "cmdi", "path-traversal"] as const
export type AttackKind = typeof attackKinds[number]

/** One attack value with its label. The label is for the report only. */
export interface Attack {
  readonly kind: AttackKind
  readonly value: string
}

/** What a parameter of the shop may hold; every normal value belongs to one field by its form. */
export const fields = [
  "email",
  "card",
  "customer",
  "postal",
  "amount",
  "word",
  "phrase",
  "password",
  "address"
] as const
export type Field = typeof fields[number]
/** Normal values by field, each used once. */
export type Pool = Readonly<Record<Field, ReadonlyArray<string>>>

/** What the demo learns from and what it then meets; no value is in both. */
export interface DemoData {
  readonly learn: Pool
  readonly test: Pool
  readonly attacks: ReadonlyArray<Attack>
}

const Line = Schema.fromJsonString(Schema.Struct({ args: Schema.Tuple([Schema.String]), k: Kind }))
const decodeLine = Schema.decodeUnknownEffect(Line)

/** The folder of the data, seen from here both in `src` and in `dist`. */
const folder = new URL("../../../examples/data/httpparams/", import.meta.url)

// A share of the authors' training values is kept for the test, so that the false-positive rate rests on enough calls.
const learnShare = 0.9

const forms: ReadonlyArray<readonly [Field, RegExp]> = [
  ["email", /^[\w.-]+@[\w-]+\.[a-z]{2,}$/],
  ["card", /^\d{16}$/],
  ["customer", /^\d{8}[a-z]$/],
  ["postal", /^\d{5}$/],
  ["amount", /^\d{1,4}$/],
  ["word", /^[a-z]+$/],
  ["phrase", /^[a-z ]+$/],
  ["password", /^[a-z\d]+$/],
  ["address", /^(?:c\/ )?[a-z][a-z ]{3,},? (?:\d+|s\/n)[a-z\d ,?-]*$/]
]

const fieldOf = (value: string): Field | undefined => forms.find(([, form]) => form.test(value))?.[0]

const pool = (values: ReadonlyArray<string>): Pool => {
  const byField: Record<Field, Array<string>> = {
    email: [],
    card: [],
    customer: [],
    postal: [],
    amount: [],
    word: [],
    phrase: [],
    password: [],
    address: []
  }
  for (const value of values) {
    const field = fieldOf(value)
    if (field !== undefined) byField[field].push(value)
  }
  return byField
}

const read = Effect.fnUntraced(function*(name: string) {
  const file = fileURLToPath(new URL(name, folder))
  const text = yield* Effect.try({
    try: () => gunzipSync(Fs.readFileSync(file)).toString("utf8"),
    catch: (cause) => new DemoDataMissing({ file, detail: cause instanceof Error ? cause.message : String(cause) })
  })
  return yield* Effect.forEach(text.split("\n").filter((line) => line !== ""), (line, index) =>
    Effect.mapError(
      decodeLine(line),
      (error) => new DemoDataMissing({ file, detail: `line ${index + 1}: ${error.message}` })
    ))
})

/** Reads the data that is shipped in `examples/data/httpparams`. */
export const load: Effect.Effect<DemoData, DemoDataMissing> = Effect.gen(function*() {
  const training = (yield* read("learn.ndjson.gz")).map((line) => line.args[0])
  const test = yield* read("test.ndjson.gz")
  const cut = Math.floor(training.length * learnShare)
  const attacks: Array<Attack> = []
  for (const { args, k } of test) if (k !== "norm") attacks.push({ kind: k, value: args[0] })
  return {
    learn: pool(training.slice(0, cut)),
    test: pool([...training.slice(cut), ...test.filter((line) => line.k === "norm").map((line) => line.args[0])]),
    attacks
  }
})
