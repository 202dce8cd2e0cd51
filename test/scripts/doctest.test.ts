import { assert, describe, it } from "@effect/vitest"
import { fencesOf, testOf } from "../../scripts/doctest/fences.ts"

const fence = (info: string, ...code: ReadonlyArray<string>) => ["```" + info, ...code, "```"]

describe("fencesOf", () => {
  it("finds the ts fences of a page with their lines, and leaves others alone", () => {
    const page = ["# Title", ...fence("ts", "a()"), "", ...fence("sh", "npm ci"), ...fence("ts fragment", "b()")]
    assert.deepStrictEqual(fencesOf("README.md", page.join("\n")), [
      { file: "README.md", line: 2, code: "a()", fragment: false },
      { file: "README.md", line: 9, code: "b()", fragment: true }
    ])
  })

  it("strips the margin of a doc comment, and ignores template text in code", () => {
    const source = ["/**", ...fence("ts", "a()", "", "  b()").map((line) => ` * ${line}`), " */", "```ts", "```"]
    assert.deepStrictEqual(fencesOf("src/A.ts", source.join("\n")), [
      { file: "src/A.ts", line: 2, code: "a()\n\n  b()", fragment: false }
    ])
  })

  it("refuses a fence that never closes", () => {
    assert.throws(() => fencesOf("README.md", "```ts\na()"), /README.md:1: the code fence is never closed/)
  })
})

describe("testOf", () => {
  const text = (code: string) => testOf({ file: "README.md", line: 1, code, fragment: false })

  it("hoists imports, also over several lines", () => {
    const generated = text(`import {\n  a\n} from "x"\na()`)
    assert.isBelow(generated.indexOf(`} from "x"`), generated.indexOf("$test("))
    assert.isAbove(generated.indexOf("a()"), generated.indexOf("$test("))
  })

  it("turns result comments into assertions", () => {
    assert.include(text("1 + 1 // => 2"), "$equals(1 + 1, 2)")
    assert.include(text("const n = f(1) // => { a: 2 }"), "const n = f(1)\n$equals(n, { a: 2 })")
    assert.notInclude(text("f() // comment"), "$equals(f()")
  })
})
