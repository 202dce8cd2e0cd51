import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Assessment } from "../../../src/domain/Assessment.ts"
import { type Decision, DecisionSource } from "../../../src/domain/Decision.ts"
import * as Rollout from "../../../src/domain/decide/Rollout.ts"
import * as Verdict from "../../../src/domain/decide/Verdict.ts"

const assessment = fc.record({
  state: fc.constantFrom("learning", "calibrating", "ready" as const),
  score: fc.double({ min: 0, max: 100, noNaN: true }),
  pValue: fc.double({ min: 0, max: 1, noNaN: true }),
  findings: fc.array(fc.constant({ detector: "shape" as const, path: "0", expected: "", seen: "", pValue: 0 }), {
    maxLength: 12
  })
})
const decide = (a: Assessment, enforced: boolean, falsePositiveRate = 0.001): Decision =>
  Verdict.decide({ id: "d", eventId: "e", assessment: a, enforced, falsePositiveRate })

describe("Verdict.decide", () => {
  it("blocks only ready functions, below the budget, where enforced", () => {
    fc.assert(
      fc.property(assessment, fc.boolean(), fc.double({ min: 1e-5, max: 0.1, noNaN: true }), (a, enforced, budget) => {
        const decision = decide(a, enforced, budget)
        const anomalous = a.state === "ready" && a.pValue < budget
        assert.strictEqual(decision.action, anomalous && enforced ? "block" : "allow")
        assert.strictEqual(decision.wouldBlock, anomalous)
        assert.isAtMost(decision.findings.length, 8)
        assert.isTrue(decision.confidence >= 0 && decision.confidence <= 1)
        if (a.state !== "ready") assert.strictEqual(decision.source, "training")
      })
    )
  })

  it("the budget itself is not below the budget", () => {
    assert.strictEqual(decide({ state: "ready", score: 1, pValue: 0.001, findings: [] }, true).action, "allow")
    assert.strictEqual(decide({ state: "ready", score: 1, pValue: 0.000_999, findings: [] }, true).action, "block")
  })
})

describe("Verdict.bucketOf", () => {
  const allowed = decide({ state: "ready", score: 0, pValue: 1, findings: [] }, true)

  it("every source has exactly the bucket of its name", () => {
    const buckets = Object.fromEntries(
      DecisionSource.literals.map((source) => [source, Verdict.bucketOf({ ...allowed, source })])
    )
    assert.deepStrictEqual(buckets, {
      brain: "analysed",
      local: "throttled",
      cache: "cached",
      training: "analysed",
      observe: "analysed",
      exception: "analysed",
      fail_open: "failed",
      fail_closed: "failed",
      last_known_good: "failed",
      throttled: "throttled",
      sampled_out: "sampledOut",
      disabled: "analysed"
    })
  })

  it("a lost event is shed or failed, whatever its source", () => {
    assert.strictEqual(Verdict.bucketOf(Verdict.lost("e", "Overload")), "shed")
    assert.strictEqual(Verdict.bucketOf(Verdict.lost("e", "Defect")), "failed")
    assert.strictEqual(
      Verdict.bucketOf({ ...allowed, source: "observe", reason: "Timeout: late; not enforced" }),
      "failed"
    )
  })
})

describe("Rollout", () => {
  it("a subject keeps its position, raising the percentage only adds subjects", () => {
    fc.assert(fc.property(fc.nat(0xffff_ffff), fc.nat(100), fc.nat(100), (hash, a, b) => {
      const position = Rollout.positionOf(Rollout.subjectHash(hash))
      const [low, high] = a < b ? [a, b] : [b, a]
      const at = (percent: number) => Rollout.isEnforced({ mode: "enforce", percent }, position)
      assert.isTrue(!at(low) || at(high))
      assert.isFalse(Rollout.isEnforced({ mode: "observe", percent: 100 }, position))
      assert.isTrue(at(100))
      assert.isFalse(at(0))
    }))
  })

  it("25 % enforce a quarter of evenly spread subjects", () => {
    let enforced = 0
    for (let i = 0; i < 8_192; i++) {
      const position = Rollout.positionOf(Rollout.subjectHash(i * 0x8_0000))
      if (Rollout.isEnforced({ mode: "enforce", percent: 25 }, position)) enforced++
    }
    assert.strictEqual(enforced, 2_048)
  })

  it("without a subject every percentage above 0 applies", () => {
    assert.strictEqual(Rollout.positionOf(""), undefined)
    assert.isTrue(Rollout.isEnforced({ mode: "enforce", percent: 1 }, undefined))
    assert.isFalse(Rollout.isEnforced({ mode: "enforce", percent: 0 }, undefined))
  })
})
