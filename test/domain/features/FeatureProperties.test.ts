import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CallFeatures } from "../../../src/domain/CallFeatures.ts"
import { CallDescriber } from "../../../src/domain/features/CallDescriber.ts"
import { probe } from "../../../src/layers/agent/TelemetryGenerator.ts"

type Describe = (args: ReadonlyArray<unknown>) => CallFeatures

const describer = new CallDescriber([11, 12], probe)
const real: Describe = (args) => describer.describe(args, undefined)
const decode = Schema.decodeUnknownSync(CallFeatures)
const anyValue = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
  withObjectString: true
})

/** True where every description is valid, and describing the same values again gives the same. */
const valid = (subject: Describe) =>
  fc.property(fc.array(anyValue, { maxLength: 6 }), (args) => {
    const found = subject(args)
    decode(found)
    expect(subject(args)).toEqual(found)
  })

/** Letters and digits may appear in a shape as class symbols only. */
const classSymbols = new Set("ab01w")
const leaks = (text: string, found: CallFeatures): boolean =>
  found.arguments.some((argument) =>
    [...argument.shape].some((symbol) => /[\p{L}\p{N}]/u.test(symbol) && !classSymbols.has(symbol))
    || (text.length > 2 && argument.path.includes(text))
  )

const private_ = (subject: Describe) =>
  fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), (text) => {
    expect(leaks(text, subject([text, [text], { field: text }, new Map([[text, text]])]))).toBe(false)
  })

/** Each value is read once at most: every data property of these objects counts its reads through its accessor. */
const untouched = (subject: Describe) =>
  fc.property(fc.array(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 }), (keys) => {
    let reads = 0
    const value = {}
    for (const key of keys) {
      Object.defineProperty(value, key, {
        enumerable: true,
        configurable: true,
        get: () => {
          reads++
          return "x"
        }
      })
    }
    subject([value, new Proxy(value, {})])
    expect(reads).toBe(0)
  })

const found = <A>(property: fc.IProperty<A>): boolean => fc.check(property, { numRuns: 300 }).failed

describe("features of any value", () => {
  it("are valid, bounded and the same each time", () => fc.assert(valid(real), { numRuns: 500 }))
  it("carry no letter or digit of a value", () => fc.assert(private_(real), { numRuns: 500 }))
  it("run no code of the application", () => fc.assert(untouched(real)))

  it("would be caught leaking, throwing or touching", () => {
    const leaky: Describe = (args) => {
      const [first, ...rest] = real(args).arguments
      const leaked = first === undefined ? [] : [{ ...first, shape: String(args[0]).slice(0, 256) }, ...rest]
      return { ...real(args), arguments: leaked }
    }
    const throwing: Describe = (args) => ({ ...real(args), arity: JSON.stringify(args).length })
    const touching: Describe = (args) => {
      for (const arg of args) if (typeof arg === "object" && arg !== null) Object.entries(arg)
      return real(args)
    }
    expect(found(private_(leaky))).toBe(true)
    expect(found(valid(throwing))).toBe(true)
    expect(found(untouched(touching))).toBe(true)
  })
})
