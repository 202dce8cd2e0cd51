import { assert, describe, it } from "@effect/vitest"
import type { ArgumentFeatures } from "../../../src/domain/CallFeatures.ts"
import { fingerprint } from "../../../src/domain/decide/Fingerprint.ts"
import type { TelemetryEvent } from "../../../src/domain/TelemetryEvent.ts"

const text = (value: number): ArgumentFeatures => ({
  path: "0",
  type: "string",
  size: 3,
  shape: "a",
  mask: 1,
  value,
  magnitude: 0,
  grams: []
})
const event = (args: ReadonlyArray<ArgumentFeatures>, part: Partial<TelemetryEvent> = {}): TelemetryEvent => ({
  id: "e",
  agentId: "a",
  fn: "f",
  session: "",
  subjectHash: "",
  timestamp: 0,
  priority: "normal",
  samplingProbability: 1,
  features: { arity: args.length, arguments: args, truncated: false },
  ...part
})

describe("fingerprint", () => {
  it("is the same for the same call at another time, and differs by function, subject, value and path", () => {
    const base = fingerprint(event([text(7)]))
    assert.isDefined(base)
    assert.strictEqual(fingerprint(event([text(7)], { id: "other", timestamp: 5 })), base)
    assert.notStrictEqual(fingerprint(event([text(8)])), base)
    assert.notStrictEqual(fingerprint(event([text(7)], { fn: "g" })), base)
    assert.notStrictEqual(fingerprint(event([text(7)], { subjectHash: "x" })), base)
    assert.notStrictEqual(fingerprint(event([{ ...text(7), path: "1" }])), base)
  })

  it("a call that is not known whole has none", () => {
    assert.strictEqual(fingerprint(event([text(0)])), undefined)
    const { features, ...rest } = event([text(7)])
    assert.strictEqual(fingerprint({ ...rest, features: { ...features, truncated: true } }), undefined)
  })
})
