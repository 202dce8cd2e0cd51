import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { ArgumentFeatures } from "../../../src/domain/CallFeatures.ts"
import type { Decision, Finding } from "../../../src/domain/Decision.ts"
import { ExceptionBook } from "../../../src/domain/decide/ExceptionBook.ts"
import * as Exceptions from "../../../src/domain/decide/Exceptions.ts"
import type { TelemetryEvent } from "../../../src/domain/TelemetryEvent.ts"

const digest = (text: string): string => `~${[...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) >>> 0, 7)}`

const text = (path: string, shape: string, value = 0, mask = 0): ArgumentFeatures => ({
  path,
  type: "string",
  size: shape.length,
  shape,
  mask,
  value,
  magnitude: 0,
  grams: []
})
const amount = (path: string, magnitude: number): ArgumentFeatures => ({
  ...text(path, ""),
  type: "number",
  size: 0,
  magnitude
})
const event = (fn: string, ...args: ReadonlyArray<ArgumentFeatures>): TelemetryEvent => ({
  id: "e",
  agentId: "a",
  fn,
  session: "",
  subjectHash: "",
  timestamp: 1,
  priority: "normal",
  samplingProbability: 1,
  features: { arity: args.length, arguments: args, truncated: false }
})
const finding = (detector: Finding["detector"], path: string, seen: string, expected = "", pValue = 1e-4): Finding => ({
  detector,
  path,
  expected,
  seen,
  pValue
})
const decision = (...findings: ReadonlyArray<Finding>): Decision => ({
  id: "d-1",
  eventId: "e",
  action: "block",
  source: "brain",
  reason: "anomalous",
  confidence: 1,
  pValue: 1e-4,
  findings,
  wouldBlock: true
})

const derive = (of: TelemetryEvent, ...findings: ReadonlyArray<Finding>) =>
  Exceptions.derive({
    id: "x-1",
    event: of,
    decision: decision(...findings),
    reason: "known",
    owner: "anna",
    now: 1_000,
    seconds: 60,
    digest
  })

/** Whether an exception derived from one call covers another. */
const covers = (
  from: { readonly event: TelemetryEvent; readonly findings: ReadonlyArray<Finding> },
  to: { readonly event: TelemetryEvent; readonly findings: ReadonlyArray<Finding> },
  now = 2_000
): boolean => {
  const book = new ExceptionBook()
  book.add(Result.getOrThrow(derive(from.event, ...from.findings)))
  return book.cover(to.event, to.findings, now, digest) !== undefined
}

const quote = (count: number) => finding("shape", "0", `argument 1: ' after letters: unusual in ${count} learned calls`)
const name = { event: event("find", text("0", "a'a", 11)), findings: [quote(800)] }

describe("the narrowest exception", () => {
  it("covers the same form again, whatever was learned since and however it is worded", () => {
    assert.isTrue(covers(name, { event: event("find", text("0", "a'a", 12)), findings: [quote(9_000)] }))
  })

  it("covers no other form, function, argument or detector, and nothing beside it", () => {
    const same = event("find", text("0", "a'a", 11))
    const others = [
      { event: event("find", text("0", "a' w=w --", 11)), findings: [quote(800)] },
      { event: event("other", text("0", "a'a", 11)), findings: [quote(800)] },
      { event: event("find", text("1", "a'a", 11)), findings: [{ ...quote(800), path: "1" }] },
      { event: same, findings: [{ ...quote(800), detector: "novelty" as const }] },
      { event: same, findings: [quote(800), finding("arity", "", "3 arguments")] },
      { event: same, findings: [] }
    ]
    assert.deepStrictEqual(others.map((other) => covers(name, other)), others.map(() => false))
  })

  it("a positive control: a rule that looks at the text alone would let the attack through", () => {
    const naive = (a: Finding, b: Finding): boolean => a.detector === b.detector && a.path === b.path
    assert.isTrue(naive(quote(800), quote(800)))
    assert.isFalse(
      covers(name, { event: event("find", text("0", "a' w w=w --", 11)), findings: [quote(800)] }),
      "the attack has the same finding and another form"
    )
  })

  it("a new value is excepted as that value, a new format as that format", () => {
    const novelty = [finding("novelty", "0", "argument 1: a value never seen in 800 learned calls")]
    const role = { event: event("grant", text("0", "a", 7)), findings: novelty }
    assert.isTrue(covers(role, role))
    assert.isFalse(covers(role, { event: event("grant", text("0", "a", 8)), findings: novelty }))
    const mask = [finding("mask", "0", "argument 1: a new format")]
    const format = { event: event("grant", text("0", "a", 7, 5)), findings: mask }
    assert.isTrue(covers(format, { event: event("grant", text("0", "a", 9, 5)), findings: mask }))
    assert.isFalse(covers(format, { event: event("grant", text("0", "a", 7, 6)), findings: mask }))
  })

  it("an amount is excepted up to as improbable as it was, on its own side", () => {
    const found = (value: number, pValue: number) => ({
      event: event("pay", amount("1", value)),
      findings: [finding("magnitude", "1", `argument 2: ${value}`, "1 to 200", pValue)]
    })
    assert.isTrue(covers(found(5_000, 1e-4), found(5_000, 1e-4)))
    assert.isTrue(covers(found(5_000, 1e-4), found(3_000, 1e-3)))
    assert.isFalse(covers(found(5_000, 1e-4), found(5_000_000, 1e-7)))
    assert.isFalse(covers(found(5_000, 1e-4), found(-900, 1e-3)))
  })

  it("a rate is excepted in its window, up to as fast as it was", () => {
    const found = (calls: number, seconds: number, pValue: number) => ({
      event: event("pay"),
      findings: [finding("rate", "", `${calls} calls in ${seconds} s`, `up to 3 calls in ${seconds} s`, pValue)]
    })
    assert.isTrue(covers(found(40, 1, 1e-5), found(30, 1, 1e-4)))
    assert.isFalse(covers(found(40, 1, 1e-5), found(400, 1, 1e-9)))
    assert.isFalse(covers(found(40, 1, 1e-5), found(40, 5, 1e-5)))
  })

  it("says why none can be derived", () => {
    const normal = Exceptions.derive({
      id: "x",
      event: name.event,
      decision: { ...decision(), wouldBlock: false },
      reason: "r",
      owner: "o",
      now: 0,
      seconds: 1,
      digest
    })
    assert.isTrue(Result.isFailure(normal) && normal.failure.includes("nothing to except"))
    assert.isTrue(Result.isFailure(derive(name.event)))
    const list = Array.from({ length: Exceptions.boundsMax + 1 }, (_, i) => text("0[]", "a'".repeat(i + 1)))
    const wide = derive(event("find", ...list), { ...quote(1), path: "0[]" })
    assert.isTrue(Result.isFailure(wide) && wide.failure.includes("no exception can name them all"))
  })

  it("stores no raw value: forms are digests", () => {
    const stored = JSON.stringify(Result.getOrThrow(derive(event("find", text("0", "a'; -- secret", 11)), quote(1))))
    assert.notInclude(stored, "; --")
  })

  it("holds until its time is over, and not at it", () => {
    assert.isTrue(covers(name, name, 60_999))
    assert.isFalse(covers(name, name, 61_000))
  })
})

describe("the book of exceptions", () => {
  it("several exceptions may cover one call together; each counts a hit", () => {
    const book = new ExceptionBook()
    const arity = finding("arity", "", "3 arguments")
    book.add({ ...Result.getOrThrow(derive(name.event, quote(1))), id: "x-quote" })
    book.add({ ...Result.getOrThrow(derive(name.event, arity)), id: "x-arity" })
    assert.deepStrictEqual(book.cover(name.event, [quote(2), arity], 2_000, digest), ["x-quote", "x-arity"])
    assert.isUndefined(book.cover(name.event, [quote(2), finding("arity", "", "4 arguments")], 2_000, digest))
    assert.deepStrictEqual(book.list().map(({ hits, lastHitAt }) => [hits, lastHitAt]), [[1, 2_000], [1, 2_000]])
  })

  it("is bounded, and comes back from its bytes as it was", () => {
    const book = new ExceptionBook()
    const one = Result.getOrThrow(derive(name.event, quote(1)))
    for (let i = 0; i < Exceptions.exceptionsMax; i++) assert.isTrue(book.add({ ...one, id: `x-${i}` }))
    assert.isFalse(book.add(one))
    book.cover(name.event, [quote(1)], 2_000, digest)
    const restored = new ExceptionBook()
    assert.isTrue(restored.restore(book.encode()))
    assert.deepStrictEqual(restored.list(), book.list())
    assert.strictEqual(restored.size, Exceptions.exceptionsMax)
    assert.isFalse(restored.restore(new TextEncoder().encode("{\"v\":2}")))
    assert.strictEqual(restored.size, Exceptions.exceptionsMax, "bytes that are refused change nothing")
    assert.strictEqual(restored.remove("x-5")?.id, "x-5")
    assert.isUndefined(restored.remove("x-5"))
    assert.strictEqual(restored.purge(61_000).length, Exceptions.exceptionsMax - 1)
    assert.strictEqual(restored.size, 0)
  })
})
