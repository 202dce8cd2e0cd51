import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { DecisionMemory } from "../../../src/domain/decide/DecisionMemory.ts"
import { unscored } from "../../../src/domain/decide/Verdict.ts"
import type { Decision } from "../../../src/domain/Decision.ts"

const idOf = (serial: number): string => `d-${serial}`
const memoryOf = (capacity: number, hash: (eventId: string) => number): DecisionMemory =>
  new DecisionMemory(capacity, { hash, idOf })
const lengthHash = (eventId: string): number => eventId.length

const finding = { detector: "order", path: "", expected: "a", seen: "b", pValue: 0.001 } as const

/** Decisions of every kind: plain ones, and those that columns cannot hold. */
const decided = (eventId: string, serial: number): Decision => {
  const plain = unscored({ action: "allow", source: "brain", reason: "normal" }, idOf(serial), eventId)
  switch (serial % 5) {
    case 0:
      return { ...plain, action: "block", wouldBlock: true, findings: [finding] }
    case 1:
      return { ...plain, source: "exception", findings: [finding] }
    case 2:
      return { ...plain, source: "training", reason: "learning" }
    default:
      return { ...plain, confidence: serial / 1_000, pValue: serial / 2_000 }
  }
}

/** Event ids: short, as long as the wire admits, longer, and with characters that need two bytes. */
const eventIdOf = (n: number): string =>
  [`e-${n}`, `${n}`.padEnd(64, "x"), `${n}`.padEnd(70, "x"), `é-${n}`, `事-${n}`][n % 5]!

/** Whether a memory answers for each of the latest `capacity` events what was decided on it, and nothing for others. */
const remembers = (memory: Pick<DecisionMemory, "add" | "get">, capacity: number, events: ReadonlyArray<number>) => {
  const known = new Map<string, Decision>()
  events.forEach((event, serial) => {
    const eventId = eventIdOf(event)
    const before = memory.get(eventId)
    if (before !== undefined) assert.deepStrictEqual(before, known.get(eventId))
    else {
      const decision = decided(eventId, serial)
      memory.add(decision, serial)
      known.delete(eventId)
      known.set(eventId, decision)
    }
    for (const [id, decision] of [...known].slice(-capacity)) assert.deepStrictEqual(memory.get(id), decision)
  })
}

const history = fc.array(fc.nat(60), { maxLength: 120 })

describe("DecisionMemory", () => {
  it("gives a retry the decision of the first attempt, whatever ids collide", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), history, fc.boolean(), (capacity, events, colliding) => {
        const hash = colliding ? lengthHash : (eventId: string) => eventId.charCodeAt(2) * 0x9e3779b1
        remembers(memoryOf(capacity, hash), capacity, events)
      })
    )
  })

  it("positive control: a memory that goes by the hash alone is caught", () => {
    const byHash = new Map<number, Decision>()
    const careless = {
      add: (decision: Decision) => void byHash.set(lengthHash(decision.eventId), decision),
      get: (eventId: string) => byHash.get(lengthHash(eventId))
    }
    assert.throws(() => fc.assert(fc.property(history, (events) => remembers(careless, 8, events))))
  })

  it("forgets: of many plain decisions, at most two generations are left", () => {
    const memory = memoryOf(4, lengthHash)
    const ids = Array.from({ length: 100 }, (_, i) => `event-${i}`)
    ids.forEach((id, i) => memory.add(unscored({ action: "allow", source: "brain", reason: "normal" }, idOf(i), id), i))
    assert.isAtMost(ids.filter((id) => memory.get(id) !== undefined).length, 8)
    assert.isUndefined(memory.get("event-0"))
    assert.isUndefined(memory.get("never seen"))
  })
})
