import { describe, expect, it } from "vitest"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import { binomialQuantile, event, random, search, settings, trained } from "./support.ts"

const searches = (seed: number, count: number) => {
  const next = random(seed)
  return Array.from({ length: count }, () => event("shop.search", search(next)))
}

describe("Detector", () => {
  it("explains what is odd about an argument", () => {
    const detector = trained(searches(1, 800), { falsePositiveRate: 0.001 })
    const verdict = detector.score(event("shop.search", ["shoes' or 1=1--", 1]))
    expect(verdict.state).toBe("ready")
    expect(verdict.pValue).toBeLessThanOrEqual(0.001)
    const [first] = verdict.findings
    expect(first?.detector).toBe("shape")
    expect(first?.path).toBe("0")
    expect(first?.seen).toMatch(/^argument 1: .*`'` after letters.*800 learned calls$/)
  })

  it.each([
    ["type", ["shoes", "1"]],
    ["arity", ["shoes"]],
    ["arity", ["shoes", 1, { role: "admin" }]],
    ["magnitude", ["shoes", 1_000_000]],
    ["size", ["shoes ".repeat(400).trim(), 1]],
    ["shape", ["../../etc/passwd", 1]],
    ["grams", ["xqzjvk wfqzxj qqzvxw kjxqzv", 1]]
  ])("finds a call that is odd by %s", (kind, args) => {
    const detector = trained(searches(2, 2000))
    const verdict = detector.score(event("shop.search", args))
    expect(verdict.pValue).toBeLessThanOrEqual(settings.falsePositiveRate)
    expect(verdict.findings.map((finding) => finding.detector)).toContain(kind)
  })

  it("finds a new value of a closed set and an unknown field", () => {
    const next = random(3)
    const roles = ["reader", "writer", "owner"]
    const calls = Array.from(
      { length: 900 },
      () => event("user.grant", [{ role: roles[Math.floor(next() * 3)], ttl: 60 }])
    )
    const detector = trained(calls, { falsePositiveRate: 0.005 })
    expect(detector.score(event("user.grant", [{ role: "rooter", ttl: 60 }])).findings.map((f) => f.detector))
      .toContain("novelty")
    expect(detector.score(event("user.grant", [{ role: "owner", ttl: 60, sudo: true }])).findings.map((f) => f.path))
      .toContain("0.sudo")
    expect(detector.score(event("user.grant", [{ role: "owner" }])).findings[0]?.seen).toBe(
      "argument 1, ttl is missing"
    )
  })

  it("says how far it is", () => {
    let now = 1_000_000
    const detector = new Detector(() => ({ ...settings, minSeconds: 30, minSessions: 2 }))
    const next = random(4)
    const states = new Set<string>()
    for (let i = 0; i < 700; i++) {
      now += 100
      const call = event("shop.search", search(next), now, `s${i < 600 ? 0 : i % 5}`)
      const verdict = detector.score(call)
      states.add(verdict.state)
      if (verdict.state !== "ready") expect(verdict).toMatchObject({ pValue: 1, findings: [] })
      detector.learn(call, verdict)
      if (i === 50) expect(detector.profile("shop.search")?.needed).toContain("49 more calls")
      if (i === 550) expect(detector.profile("shop.search")?.needed).toBe("1 more sessions")
    }
    expect([...states]).toEqual(["learning", "calibrating", "ready"])
    expect(detector.profile("shop.search")).toMatchObject({ state: "ready", needed: "" })
  })

  it("never judges a cold function", () => {
    const detector = trained([...searches(5, 800), ...Array.from({ length: 99 }, () => event("rare", ["x"]))])
    expect(detector.score(event("rare", ["' or 1=1"]))).toMatchObject({ state: "learning", pValue: 1 })
    expect(detector.score(event("new", ["' or 1=1"]))).toMatchObject({ state: "learning", pValue: 1 })
  })

  it("judges a young function by the scores of all", () => {
    const next = random(6)
    const young = Array.from({ length: 150 }, () => event("shop.suggest", search(next)))
    const detector = trained([...searches(7, 2000), ...young])
    expect(detector.score(event("shop.suggest", ["x'; drop table users--", 1])).pValue).toBeLessThanOrEqual(0.01)
    const alarms = Array.from({ length: 500 }, () => detector.score(event("shop.suggest", search(next))))
      .filter((verdict) => verdict.pValue <= 0.01)
    expect(alarms.length).toBeLessThanOrEqual(binomialQuantile(500, 0.015))
  })

  it("gives the same verdicts and bytes after a restore", () => {
    const next = random(8)
    const timed = Array.from(
      { length: 600 },
      (_, i) => event("pay", [{ to: `acc-${i % 40}`, cents: 100 + (i % 90) }], 1e12 + i * 90)
    )
    const detector = trained([...searches(9, 900), ...timed])
    detector.learnOutcome({
      eventId: "e",
      fn: "pay",
      timestamp: 1,
      outcome: { kind: "success", tag: "", durationMs: 3 }
    })
    const bytes = detector.snapshot()
    const restored = new Detector(() => settings)
    expect(restored.restore(bytes)).toBe(true)
    expect(restored.snapshot()).toEqual(bytes)
    const tests = [
      ...Array.from({ length: 200 }, () => event("shop.search", search(next))),
      event("shop.search", ["<script>", 1]),
      event("pay", [{ to: "acc-1", cents: 9e9 }], 1e12 + 70_000)
    ]
    for (const call of tests) {
      const verdict = detector.score(call)
      expect(restored.score(call)).toEqual(verdict)
      expect(restored.learn(call, verdict)).toBe(detector.learn(call, verdict))
    }
    expect(restored.snapshot()).toEqual(detector.snapshot())
  })

  it("refuses bytes that are not a snapshot, changing nothing", () => {
    const detector = trained(searches(10, 300))
    const bytes = detector.snapshot()
    expect(detector.restore(new Uint8Array(0))).toBe(false)
    for (let cut = 1; cut < bytes.length; cut += 997) expect(detector.restore(bytes.subarray(0, cut))).toBe(false)
    expect(detector.restore(Uint8Array.from([...bytes, 0]))).toBe(false)
    expect(detector.snapshot()).toEqual(bytes)
  })

  it("forgets the function that was used least recently", () => {
    const detector = new Detector(() => ({ ...settings, functionsMax: 3 }))
    for (const fn of ["a", "b", "c", "a", "c", "d"]) detector.model(fn)
    expect(detector.profiles().map((profile) => profile.fn).toSorted()).toEqual(["a", "c", "d"])
    for (let i = 0; i < 1000; i++) detector.model(`name${i}`)
    expect(detector.profiles().length).toBe(3)
  })

  it("forgets one function, which learns again, and no other", () => {
    const next = random(6)
    const others = Array.from({ length: 300 }, () => event("other", search(next)))
    const detector = trained([...searches(5, 300), ...others])
    expect(detector.ready).toBe(2)
    const held = detector.model("shop.search")
    expect([detector.forget("shop.search"), detector.forget("shop.search"), detector.forget("never")])
      .toEqual([true, false, false])
    expect(detector.ready).toBe(1)
    const [call] = searches(7, 1)
    expect(held.assess(call!).state).toBe("learning")
    expect([held.learn(call!, held.assess(call!)), detector.profile("shop.search")]).toEqual([false, undefined])
    detector.learn(call!, detector.score(call!))
    expect(detector.profile("shop.search")).toMatchObject({ state: "learning", learned: 1 })
    expect(detector.profile("other")?.state).toBe("ready")
  })

  it("stays small", () => {
    const detector = new Detector(() => ({ ...settings, functionsMax: 1000 }))
    const next = random(11)
    for (let i = 0; i < 60_000; i++) {
      const call = event(`f${i % 600}`, search(next), 1e12 + i)
      detector.learn(call, detector.score(call))
    }
    expect(detector.bytes / 600).toBeLessThan(12_000)
  })
})

describe("Detector on outcomes", () => {
  it("keeps the budget on the durations of functions that learned a few hundred, and finds slow calls", () => {
    const next = random(22)
    const budget = 0.001
    const detector = new Detector(() => ({ ...settings, falsePositiveRate: budget }))
    const medians = [2, 5, 8, 4, 60, 20, 1]
    const lasting = (fn: number, factor: number) => {
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
      return detector.learnOutcome({
        eventId: "e",
        fn: `f${fn}`,
        timestamp: 1,
        outcome: { kind: "success", tag: "", durationMs: medians[fn]! * factor * Math.exp(0.4 * normal) }
      })
    }
    const some = event("f0", [])
    for (let i = 0; i < 700 * medians.length; i++) {
      const fn = i % medians.length
      const call = { ...some, fn: `f${fn}` }
      detector.learn(call, detector.score(call))
      lasting(fn, 1)
    }
    detector.finishLearning()
    let alarms = 0
    for (let i = 0; i < 10_000; i++) alarms += lasting(i % medians.length, 1)!.findings.length > 0 ? 1 : 0
    // The 95 % quantile of Binomial(10,000, 1.5 x budget).
    expect(alarms).toBeLessThanOrEqual(21)
    let found = 0
    for (let i = 0; i < 100; i++) found += lasting(i % medians.length, 30)!.findings.length > 0 ? 1 : 0
    expect(found).toBeGreaterThan(80)
  })

  const report = (kind: "success" | "failure", tag: string, durationMs: number) => ({
    eventId: "e",
    fn: "shop.search",
    timestamp: 1,
    outcome: { kind, tag, durationMs }
  })

  it("reports a delay and an unknown failure, and does not learn them", () => {
    const next = random(12)
    const detector = new Detector(() => settings)
    for (const call of searches(13, 900)) {
      detector.learn(call, detector.score(call))
      detector.learnOutcome(
        next() < 0.1 ? report("failure", "NotFound", 1 + next()) : report("success", "", 1 + 2 * next())
      )
    }
    detector.finishLearning()
    for (let i = 0; i < 50; i++) {
      expect(detector.learnOutcome(report("success", "", 2000))?.findings[0]?.detector).toBe("duration")
      expect(detector.learnOutcome(report("failure", "SqlError", 2))?.findings[0]).toMatchObject({
        detector: "outcome",
        seen: "failure SqlError"
      })
    }
    expect(detector.learnOutcome(report("success", "", 2))?.findings).toEqual([])
    expect(detector.learnOutcome(report("failure", "NotFound", 2))?.findings).toEqual([])
  })
})
