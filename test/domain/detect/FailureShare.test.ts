import { assert, describe, it } from "@effect/vitest"
import { none } from "../../../src/domain/CallFeatures.ts"
import { Arena } from "../../../src/domain/detect/Arena.ts"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import {
  failureEvidence,
  failureRun,
  failureWords,
  learnFailures,
  noteOutcome
} from "../../../src/domain/detect/FailureShare.ts"
import { random, settings } from "./support.ts"

const call = {
  id: "e",
  agentId: "test",
  fn: "accounts.signIn",
  session: "",
  subjectHash: "",
  timestamp: 0,
  priority: "normal",
  samplingProbability: 1,
  features: none
} as const

/** How many of some outcomes are reported; one in `every` fails, each in the same ordinary way. */
const run = (detector: Detector, calls: number, share: number, next: () => number) => {
  const reasons: Array<string> = []
  for (let i = 0; i < calls; i++) {
    const failed = next() < share
    const verdict = detector.learnOutcome({
      eventId: "e",
      fn: call.fn,
      timestamp: 1,
      outcome: { kind: failed ? "failure" : "success", tag: failed ? "WrongPassword" : "", durationMs: 1 + next() }
    })
    for (const { seen } of verdict?.findings ?? []) reasons.push(seen)
  }
  return reasons
}

/** A detector that saw 1,000 sign-ins, of which one in twenty failed. */
const learned = (next: () => number, outage = 0) => {
  const detector = new Detector(() => ({ ...settings, falsePositiveRate: 0.001 }))
  for (let i = 0; i < 1_000; i++) detector.learn(call, detector.score(call))
  run(detector, 500, 0.05, next)
  run(detector, outage, 0.9, next)
  run(detector, 500 - outage, 0.05, next)
  detector.finishLearning()
  return detector
}

describe("the share of failures", () => {
  it("is reported where nearly every call fails, and one in twenty is ordinary", () => {
    const next = random(1)
    const reasons = run(learned(next), 100, 0.9, next)
    assert.isAbove(reasons.length, 40)
    assert.match(reasons.at(-1) ?? "", /^(2|3)\d of the last 32 calls failed$/)
  })

  it("is no news as long as it is what it was, or what an outage while learning was", () => {
    const next = random(2)
    assert.isAtMost(run(learned(next), 10_000, 0.05, next).length, 15)
    assert.isAtMost(run(learned(next, 60), 100, 0.9, next).length, 1)
  })

  it("does not become ordinary by going on: what is reported is not learned", () => {
    const next = random(3)
    const detector = learned(next)
    run(detector, 3_000, 0.9, next)
    assert.isAbove(run(detector, 100, 0.9, next).length, 40)
  })

  it("is not taught by an outage once the function is judged, while it still learns", () => {
    const afterOutages = (judged: boolean): number => {
      const block = new Arena().allocate(failureWords)
      const note = (calls: number, failed: boolean, judgedNow: boolean) => {
        for (let i = 0; i < calls; i++) {
          noteOutcome(block, block.at, failed)
          learnFailures(block, block.at, judgedNow)
        }
      }
      note(1_000, false, false)
      for (let n = 0; n < 20; n++) {
        note(failureRun, true, judged)
        note(failureRun, false, judged)
      }
      note(failureRun, true, judged)
      return failureEvidence(block, block.at)
    }
    assert.isAbove(afterOutages(true), 3)
    assert.isBelow(afterOutages(false), 1, "the control: what is not yet judged learns its outages")
  })

  it("survives a restart", () => {
    const next = random(4)
    const detector = learned(next)
    const other = new Detector(() => ({ ...settings, falsePositiveRate: 0.001 }))
    assert.isTrue(other.restore(detector.snapshot()))
    assert.deepStrictEqual(run(other, 100, 0.9, random(5)), run(detector, 100, 0.9, random(5)))
  })
})
