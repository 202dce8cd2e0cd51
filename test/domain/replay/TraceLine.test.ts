import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Result } from "effect"
import * as TraceLine from "../../../src/domain/replay/TraceLine.ts"

const decoded = (line: unknown): TraceLine.TraceLine => Result.getOrThrow(TraceLine.decode(JSON.stringify(line)))
const refused = (text: string): string => {
  const result = TraceLine.decode(text)
  assert.isTrue(Result.isFailure(result), `${text.slice(0, 60)} must be refused`)
  return Result.isFailure(result) ? result.failure : ""
}

describe("TraceLine", () => {
  it("reads every field of a call", () => {
    assert.deepStrictEqual(
      decoded({
        fn: "shop.search",
        args: ["blue shoes", 2],
        t: 1732287600123,
        dur: 1.8,
        ok: true,
        session: "s-17",
        y: 0,
        k: "norm"
      }),
      {
        calls: [{ fn: "shop.search", args: ["blue shoes", 2], t: 1732287600123, dur: 1.8, ok: true }],
        session: "s-17",
        whole: false,
        attack: false,
        kind: "norm"
      }
    )
  })

  it("needs only fn, and takes null for a field that is not there", () => {
    const bare = {
      calls: [{ fn: "f", args: [], t: undefined, dur: undefined, ok: undefined }],
      session: "",
      whole: false,
      attack: undefined,
      kind: undefined
    }
    assert.deepStrictEqual(decoded({ fn: "f" }), bare)
    assert.deepStrictEqual(
      decoded({ fn: "f", args: null, t: null, dur: null, ok: null, session: null, y: null, k: null }),
      bare
    )
  })

  it("turns [name, value] pairs into one object whose paths are the names", () => {
    assert.deepStrictEqual(decoded({ fn: "f", args: [["user", "ann"], ["n", 2]] }).calls[0]!.args, [
      { user: "ann", n: 2 }
    ])
    assert.deepStrictEqual(decoded({ fn: "f", args: [["id", 1], ["id", 2]] }).calls[0]!.args, [{ id: [1, 2] }])
    // One value that is no pair: then all of them are values.
    assert.deepStrictEqual(decoded({ fn: "f", args: [["user", "ann"], 2] }).calls[0]!.args, [["user", "ann"], 2])
  })

  it("keeps a name that would change the prototype an ordinary name", () => {
    const [args] = decoded({ fn: "f", args: [["__proto__", { polluted: 1 }], ["a", 1]] }).calls[0]!.args
    assert.strictEqual(Object.getPrototypeOf(args), Object.prototype)
    assert.deepStrictEqual(Object.keys(args as object), ["__proto__", "a"])
    assert.notProperty({}, "polluted")
  })

  it("reads the shorthands as one session of calls", () => {
    const order = decoded({ id: "a", seq: [6, "open"], y: 1, k: "shell" })
    assert.deepStrictEqual(order.calls.map(({ fn }) => fn), ["6", "open"])
    assert.isTrue(order.whole && order.attack)
    const timed = decoded({ calls: [["query", 2.5], [7, null], ["close"]], y: 0 })
    assert.deepStrictEqual(timed.calls.map(({ dur, fn }) => [fn, dur]), [
      ["query", 2.5],
      ["7", undefined],
      ["close", undefined]
    ])
    assert.strictEqual(decoded({ seq: [] }).calls.length, 0)
  })

  it("refuses with the key, what it is and what was expected", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["", "is not JSON"],
      ["{", "is not JSON"],
      ["[]", "is a list of 0, expected a JSON object"],
      ["null", "is empty, expected a JSON object"],
      ["{}", "has no \"fn\""],
      ["{\"fn\":5}", "\"fn\" is 5, expected the name of a function"],
      ["{\"fn\":\"\"}", "\"fn\" is empty"],
      [`{"fn":"${"x".repeat(257)}"}`, "\"fn\" has 257 characters, at most 256"],
      ["{\"fn\":\"f\",\"args\":\"x\"}", "\"args\" is \"x\", expected a list"],
      ["{\"fn\":\"f\",\"t\":-1}", "\"t\" is -1, expected a number of milliseconds"],
      ["{\"fn\":\"f\",\"t\":\"2024-01-01\"}", "\"t\" is \"2024-01-01\""],
      ["{\"fn\":\"f\",\"t\":1e999}", "\"t\" is Infinity"],
      ["{\"fn\":\"f\",\"dur\":true}", "\"dur\" is true"],
      ["{\"fn\":\"f\",\"ok\":1}", "\"ok\" is 1, expected true or false"],
      ["{\"fn\":\"f\",\"y\":2}", "\"y\" is 2, expected 0 for normal or 1 for an attack"],
      ["{\"fn\":\"f\",\"k\":[]}", "\"k\" is a list of 0, expected a text"],
      ["{\"fn\":\"f\",\"seq\":[1]}", "has \"fn\" and \"seq\", expected one"],
      ["{\"seq\":5}", "\"seq\" is 5, expected a list of functions"],
      ["{\"seq\":[1,null]}", "\"seq[1]\" is empty, expected the name of a function"],
      ["{\"calls\":[[\"a\",-2]]}", "\"calls[0][1]\" is -2"],
      ["{\"calls\":[\"a\"]}", "\"calls[0]\" is \"a\", expected [function, milliseconds]"],
      ["{\"calls\":[[\"a\",1,2]]}", "\"calls[0]\" is a list of 3"]
    ]
    for (const [text, reason] of cases) assert.include(refused(text), reason, text)
  })

  it("accepts the value at each limit", () => {
    assert.strictEqual(decoded({ fn: "x".repeat(256) }).calls[0]!.fn.length, 256)
    assert.strictEqual(decoded({ fn: "f", t: 0, dur: 0 }).calls[0]!.t, 0)
    assert.strictEqual(decoded({ fn: "f", k: "k".repeat(TraceLine.nameLengthMax) }).kind?.length, 4_096)
    assert.include(refused(JSON.stringify({ fn: "f", k: "k".repeat(4_097) })), "at most 4096")
  })

  it("answers anything with a line or a printable reason", () => {
    const anything = fc.oneof(fc.json(), fc.string(), fc.json().map((text) => `{"fn":"f","args":${text}}`))
    fc.assert(
      fc.property(anything, (text) => {
        const result = TraceLine.decode(text)
        if (Result.isFailure(result)) assert.notMatch(result.failure, /\p{Cc}/u)
      }),
      { numRuns: 500, seed: 11 }
    )
  })
})
