import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import {
  escapeLine,
  escapeText,
  excerpt,
  excerptLengthMax,
  looksSecret,
  quoteMessage,
  quoteValue
} from "../../src/domain/Printable.ts"

const terminalActs = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/u

const neverActs = (escape: (text: string) => string): void =>
  FastCheck.assert(
    FastCheck.property(FastCheck.string({ unit: "binary", maxLength: 40 }), (text) => !terminalActs.test(escape(text))),
    {
      numRuns: 500,
      examples: [["\u001b[2J"], ["a\nb"], ["\u202egnp.exe"], ["\u009b31m"], ["\u2028"]]
    }
  )

describe("Printable", () => {
  it("never lets a character through that a terminal acts on", () => neverActs(escapeLine))

  it("the property finds an escape that forgets the C1 controls", () => {
    const careless = (text: string) => [...text].filter((character) => character >= " ").join("")
    assert.throws(() => neverActs(careless))
  })

  it("escapes readably and keeps ordinary text", () => {
    assert.strictEqual(escapeLine("a\u001b[31mb\n"), "a\\u001b[31mb\\u000a")
    assert.strictEqual(escapeLine("Grüße, 世界 ✓"), "Grüße, 世界 ✓")
    assert.strictEqual(escapeText("a\n\tb\r"), "a\n\tb\\u000d")
  })

  it("cuts long texts and says how long they were", () => {
    assert.strictEqual(excerpt("a".repeat(excerptLengthMax)), "a".repeat(excerptLengthMax))
    assert.strictEqual(excerpt("a".repeat(excerptLengthMax + 1)), `${"a".repeat(excerptLengthMax)}… (81 characters)`)
  })

  it("knows secrets by their look", () => {
    for (
      const secret of [
        "hunter2 password",
        "-----BEGIN RSA",
        "AKIAIOSFODNN7EXAMPLE",
        "deadbeefdeadbeefdeadbeef00",
        "https://user:pw@host/x"
      ]
    ) {
      assert.isTrue(looksSecret(secret), secret)
      assert.notInclude(quoteValue(secret), secret)
    }
    for (const ordinary of ["ajar", "lowest_priority", "a text of several ordinary words", "0.5"]) {
      assert.isFalse(looksSecret(ordinary), ordinary)
    }
  })

  it("describes values by their kind", () => {
    assert.deepStrictEqual(
      [1.5, true, "x\"y", null, undefined, [1, 2], { a: 1 }, 10n, () => 1].map(quoteValue),
      ["1.5", "true", "\"x\\\"y\"", "empty", "empty", "a list of 2", "a mapping", "10", "a function"]
    )
  })

  it("takes secrets out of foreign messages", () => {
    assert.strictEqual(
      quoteMessage("Duplicate key 'AKIAIOSFODNN7EXAMPLE' at\nline 2"),
      "Duplicate key '<hidden>' at\\u000aline 2"
    )
  })
})
