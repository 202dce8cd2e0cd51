import * as NodeUtil from "node:util"
import { describe, expect, it } from "vitest"
import { argumentsMax, gramsMax, shapeLengthMax } from "../../../src/domain/CallFeatures.ts"
import { CallDescriber, roundMagnitude } from "../../../src/domain/features/CallDescriber.ts"
import type { ObjectProbe } from "../../../src/domain/features/ObjectProbe.ts"

const probe: ObjectProbe = {
  isProxy: NodeUtil.types.isProxy,
  isMap: NodeUtil.types.isMap,
  isSet: NodeUtil.types.isSet,
  isDate: NodeUtil.types.isDate,
  isError: NodeUtil.types.isNativeError,
  isArrayBuffer: NodeUtil.types.isAnyArrayBuffer
}
const describer = new CallDescriber([1, 2], probe)
const call = (...args: ReadonlyArray<unknown>) => describer.describe(args, undefined)
const shape = (value: string) => call(value).arguments[0]?.shape

describe("CallDescriber", () => {
  it("reduces strings to runs and signs", () => {
    expect(shape("blue shoes")).toBe("a a")
    expect(shape("acc-1942")).toBe("a-0")
    expect(shape("user7@example.org")).toBe("w@a.a")
    expect(shape("1' or 1=1--")).toBe("1' a 1=1-×")
    expect(shape("Grüße, Ωμέγα 東京")).toBe("a, a a")
    expect(shape("٣٤٥")).toBe("0")
    expect(shape("a\u0000b\u001bc")).toBe("b\u0001b\u0001b")
    expect(shape("👍 ok")).toBe("¤× a")
    expect(shape("")).toBe("")
  })

  it("marks repeats by how long they are", () => {
    expect(shape("a..b")).toBe("b.×b")
    expect(shape("a....b")).toBe("b.××b")
    expect(shape("a..........b")).toBe("b.×××b")
  })

  it("marks what is longer than any word or code", () => {
    expect(shape("a".repeat(47))).toBe("a")
    expect(shape("a".repeat(48))).toBe("a×")
    expect(shape("0".repeat(400))).toBe("0××")
    expect(shape(`x=${"Zm9vYmFy".repeat(8)}`)).toBe("b=w×")
  })

  it("sees a word of mixed scripts, and none where a language writes so", () => {
    expect(shape("p\u0430ypal.com")).toBe("±.a")
    expect(shape("user-\uff21dmin")).toBe("a-±")
    expect(shape("Müller Ωμέγα Привет 東京tower")).toBe("a a a a")
  })

  it("keeps the length of random codes in the mask, whatever letters and digits they are of", () => {
    const mask = (value: unknown) => call(value).arguments[0]?.mask
    expect(mask("7baff009-a99f-4244")).toBe(mask("aaaaaaaa-1111-0f0f"))
    expect(mask("7baff009-a99f-4244")).not.toBe(mask("7baff009-a99f-424"))
    expect(mask([1, 2, 3])).toBe(mask([4, 5, 6]))
    expect(mask([1, 2, 3])).not.toBe(mask([4, 5]))
    expect(mask({ a: 1 })).toBe(0)
  })

  it("tells formats apart by their mask, and only there", () => {
    const [first, second, third] = [call("22639557j"), call("83497200r"), call("8349720r")].map((c) => c.arguments[0])
    expect(first?.mask).toBe(second?.mask)
    expect(first?.mask).not.toBe(third?.mask)
    expect(first?.shape).toBe(third?.shape)
    expect(first?.value).not.toBe(second?.value)
  })

  it("describes nested values by path", () => {
    const found = call("x", { name: "n", items: [{ sku: "a1" }, { sku: "b2" }] })
    expect(found.arguments.map((a) => `${a.path}:${a.type}`)).toEqual([
      "0:string",
      "1:object",
      "1.name:string",
      "1.items:array",
      "1.items[]:object",
      "1.items[]:object",
      "1.items[].sku:string",
      "1.items[].sku:string"
    ])
  })

  it("keeps keys that are data out of the paths", () => {
    const found = call({ "alice@example.org": 1, id9482716: 2, plain: 3 }, new Map([["bob", 1]]))
    expect(found.arguments.map((a) => a.path)).toEqual(["0", "1", "0.*", "0.*", "0.plain", "1.*"])
  })

  it("describes only the type of what is redacted", () => {
    const found = describer.describe(["secret", { card: "4111", name: "n" }], new Set(["0", "1.card"]))
    expect(found.arguments.map((a) => a.type)).toEqual(["redacted", "object", "redacted", "string"])
    expect(found.arguments[0]).toMatchObject({ size: 0, shape: "", mask: 0, value: 0, grams: [] })
  })

  it("gives each kind of value its type", () => {
    const values = [
      undefined,
      null,
      true,
      1.5,
      10n,
      "s",
      Symbol("x"),
      () => 1,
      [],
      {},
      new Map(),
      new Set(),
      new Date(5),
      new Error("x"),
      new Uint8Array(3),
      new ArrayBuffer(4)
    ]
    expect(call(...values).arguments.slice(0, values.length).map((a) => a.type)).toEqual([
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
      "binary"
    ])
  })

  it("describes numbers by sign, fraction and magnitude", () => {
    const found = call(12347, -0.5, Number.NaN, Infinity, 0, 2n ** 2000n).arguments
    expect(found.map((a) => a.shape)).toEqual(["0", "-0.0", "?", "*", "0", "0"])
    expect(found.map((a) => a.magnitude)).toEqual([12350, -0.5, 0, 1e300, 0, 1e300])
    for (const value of [1, 999, 9999, 10_000, 123456789, 0.00123456, -987654321]) {
      expect(Math.abs(roundMagnitude(value) - value)).toBeLessThanOrEqual(Math.abs(value) * 0.0006)
    }
  })

  it("stays within its limits", () => {
    const long = call("ab-".repeat(100_000))
    expect(long.truncated).toBe(true)
    expect(long.arguments[0]?.size).toBe(300_000)
    const odd = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(33 + (i * 7919) % 94)).join("")
    const [first] = call(odd).arguments
    expect(first?.shape.length).toBeLessThanOrEqual(shapeLengthMax)
    expect(first?.grams.length).toBeLessThanOrEqual(gramsMax)
    const wide = call(
      Array.from({ length: 10_000 }, (_, i) => i),
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i]))
    )
    expect(wide.arguments.length).toBe(argumentsMax)
    expect(wide.truncated).toBe(true)
  })

  it("keeps an odd part of a long value in its shape, wherever it is", () => {
    const padding = "ordinary text, and more. ".repeat(60)
    expect(shape(`${padding}' or 1=1--${padding}`)).toContain("1=1-")
  })
})

describe("CallDescriber on hostile values", () => {
  it("does not touch proxies", () => {
    let touched = 0
    const traps = new Proxy({}, {
      get: () => () => {
        touched++
        throw new Error("touched")
      }
    })
    const found = call(new Proxy({}, traps), new Proxy([], traps), new Proxy(() => 1, traps), [new Proxy({}, traps)])
    expect(found.arguments.map((a) => a.type)).toEqual(["opaque", "opaque", "function", "array", "opaque"])
    expect(touched).toBe(0)
  })

  it("runs no accessor", () => {
    let runs = 0
    const value = {
      plain: 1,
      get trap(): string {
        runs++
        throw new Error("run")
      }
    }
    expect(call(value).arguments.map((a) => a.type)).toEqual(["object", "number", "opaque"])
    expect(runs).toBe(0)
  })

  it("describes cycles, depth and broken objects", () => {
    const cycle: Record<string, unknown> = { name: "x" }
    cycle["self"] = cycle
    expect(call(cycle).arguments.map((a) => a.type)).toEqual(["object", "string", "opaque"])
    let deep: unknown = "bottom"
    for (let i = 0; i < 10_000; i++) deep = { deep }
    expect(call(deep).arguments.at(-1)?.type).toBe("opaque")
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    const broken = [Object.create(null), Object.create(new Proxy({}, {})), revoked.proxy, Object.create(Map.prototype)]
    expect(() =>
      call(
        ...broken,
        new (class extends Map {
          override get size(): number {
            throw new Error("size")
          }
        })()
      )
    ).not.toThrow()
  })

  it("describes typed arrays over detached memory", () => {
    const bytes = new Uint8Array(16)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    expect(call(bytes).arguments[0]).toMatchObject({ type: "binary", size: 0 })
    const lying = Object.defineProperty(new Uint8Array(4), "byteLength", {
      get: () => {
        throw new Error("run")
      }
    })
    expect(call(lying, new DataView(new ArrayBuffer(8), 2)).arguments.map((a) => a.size)).toEqual([4, 6])
  })
})
