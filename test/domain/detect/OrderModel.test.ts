import { describe, expect, it } from "vitest"
import { Detector } from "../../../src/domain/detect/Detector.ts"
import { event, random, settings } from "./support.ts"

const flow = ["login", "list", "view", "edit", "save", "list", "view", "logout"]

/** Sessions that follow one flow with detours; the order is shuffled in those of a thief. */
const session = (next: () => number, id: string, shuffled = false): ReadonlyArray<ReturnType<typeof event>> => {
  const names: Array<string> = []
  while (names.length < 24) {
    for (const name of flow) {
      names.push(name)
      if (name === "view" && next() < 0.3) names.push("view")
    }
  }
  if (shuffled) names.sort(() => next() - 0.5)
  return names.map((name) => event(name, [], 0, id))
}

const replay = (detector: Detector, calls: ReadonlyArray<ReturnType<typeof event>>) =>
  calls.map((call) => {
    const verdict = detector.score(call)
    detector.learn(call, verdict)
    return verdict
  })

const ready = (next: () => number, sessions = 400) => {
  const detector = new Detector(() => ({ ...settings, minSeconds: Number.MAX_SAFE_INTEGER }))
  for (let i = 0; i < sessions; i++) replay(detector, session(next, `l${i}`))
  detector.finishLearning()
  return detector
}

const worst = (verdicts: ReadonlyArray<{ readonly pValue: number }>) => Math.min(...verdicts.map((v) => v.pValue))

describe("OrderModel", () => {
  it("finds known calls in an unknown order, and explains it", () => {
    const next = random(31)
    const detector = ready(next)
    const verdicts = replay(detector, session(next, "thief", true))
    expect(worst(verdicts)).toBeLessThanOrEqual(settings.falsePositiveRate)
    const finding = verdicts.flatMap((v) => v.findings).find((f) => f.detector === "order")
    expect(finding?.seen).toMatch(/^after (\w+, )*\w+ came \w+/)
    expect(finding?.expected).toMatch(/learned calls/)
  })

  it("leaves normal sessions alone", () => {
    const next = random(32)
    const detector = ready(next)
    let alarms = 0
    for (let i = 0; i < 300; i++) {
      if (worst(replay(detector, session(next, `t${i}`))) <= settings.falsePositiveRate) alarms++
    }
    // Positive control: the same sessions shuffled are alarms.
    let found = 0
    for (let i = 0; i < 50; i++) {
      if (worst(replay(detector, session(next, `s${i}`, true))) <= settings.falsePositiveRate) found++
    }
    expect(alarms).toBeLessThanOrEqual(9)
    expect(found).toBeGreaterThanOrEqual(48)
  })

  it("says nothing where calls have no session", () => {
    const next = random(33)
    const detector = ready(next)
    const verdicts = replay(detector, session(next, "", true))
    expect(worst(verdicts)).toBe(1)
  })

  it("is not taught by sessions that are odd", () => {
    const next = random(34)
    const detector = ready(next)
    for (let i = 0; i < 200; i++) replay(detector, session(next, `odd${i}`, true))
    expect(worst(replay(detector, session(next, "last", true)))).toBeLessThanOrEqual(settings.falsePositiveRate)
  })

  it("finds familiar steps that no normal session makes so exclusively", () => {
    const next = random(37)
    const tasks = [["list", "view"], ["edit", "save"], ["cart", "pay"]]
    const visit = (id: string, kinds: number) =>
      Array.from({ length: 16 }, () => tasks[Math.floor(next() * kinds)]!)
        .flat().map((name) => event(name, [], 0, id))
    const detector = new Detector(() => ({ ...settings, minSeconds: Number.MAX_SAFE_INTEGER }))
    for (let i = 0; i < 400; i++) replay(detector, visit(`l${i}`, 3))
    detector.finishLearning()
    const verdicts = replay(detector, visit("scraper", 1))
    expect(worst(verdicts)).toBeLessThanOrEqual(settings.falsePositiveRate)
    const finding = verdicts.flatMap((v) => v.findings).find((f) => f.detector === "order")
    expect(finding?.seen).toMatch(/few normal sessions call its 2 functions and no others/)
    // Positive control: who does all kinds of tasks is ordinary.
    expect(worst(replay(detector, visit("visitor", 3)))).toBeGreaterThan(settings.falsePositiveRate)
  })

  it("finds short sessions at the shipped budget, and alarms in few normal ones", () => {
    const next = random(38)
    const shipped = { ...settings, falsePositiveRate: 0.001 }
    const detector = new Detector(() => ({ ...shipped, minSeconds: Number.MAX_SAFE_INTEGER }))
    const short = (id: string, foreign = false) => {
      const calls = session(next, id).slice(0, 8 + Math.floor(next() * 8))
      return foreign ? [...calls, ...calls.toReversed(), ...calls] : calls
    }
    for (let i = 0; i < 1000; i++) replay(detector, short(`l${i}`))
    detector.finishLearning()
    let alarms = 0
    let found = 0
    for (let i = 0; i < 1000; i++) {
      if (worst(replay(detector, short(`t${i}`))) <= shipped.falsePositiveRate) alarms++
      if (i % 10 === 0 && worst(replay(detector, short(`f${i}`, true))) <= shipped.falsePositiveRate) found++
    }
    expect(alarms).toBeLessThanOrEqual(5)
    expect(found).toBeGreaterThanOrEqual(90)
  })

  it("keeps a verdict for the next call of a function that is judged", () => {
    const next = random(39)
    const detector = ready(next)
    const visitor = session(next, "visitor")
    // A function that was never learned cannot be judged itself; the session that calls it can.
    const strange = Array.from({ length: 4 }, () => event("export", [], 0, "visitor"))
    expect(worst(replay(detector, visitor.slice(0, 12)))).toBeGreaterThan(settings.falsePositiveRate)
    expect(worst(replay(detector, strange))).toBe(1)
    expect(worst(replay(detector, visitor.slice(12, 13)))).toBeLessThanOrEqual(settings.falsePositiveRate)
    // Positive control: without the strange calls that call is ordinary.
    const other = session(next, "other")
    replay(detector, other.slice(0, 12))
    expect(worst(replay(detector, other.slice(12, 13)))).toBeGreaterThan(settings.falsePositiveRate)
  })

  it("keeps what it learned over a restart", () => {
    const next = random(35)
    const detector = ready(next)
    const bytes = detector.snapshot()
    const restored = new Detector(() => settings)
    expect(restored.restore(bytes)).toBe(true)
    expect(restored.snapshot()).toEqual(bytes)
    const calls = session(next, "after", true)
    expect(replay(restored, calls)).toEqual(replay(detector, calls))
  })

  it("stays bounded over any number of sessions and functions", () => {
    const next = random(36)
    const detector = new Detector(() => ({ ...settings, functionsMax: 50 }))
    for (let i = 0; i < 60_000; i++) {
      const call = event(`f${Math.floor(next() * 40)}`, [], 0, `s${i >> 2}`)
      detector.learn(call, detector.score(call))
    }
    expect(detector.bytes).toBeLessThan(24 * 1024 * 1024)
  })
})
