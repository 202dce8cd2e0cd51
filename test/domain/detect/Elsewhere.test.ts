import { describe, expect, it } from "vitest"
import type { Detector } from "../../../src/domain/detect/Detector.ts"
import { event, random, trained } from "./support.ts"

const budget = 0.001
const next = random(41)
const pick = <A>(values: ReadonlyArray<A>): A => values[Math.floor(next() * values.length)]!
const hex = (length: number): string => Array.from({ length }, () => pick([..."0123456789abcdef"])).join("")

/** Texts with a heavy tail of odd ones, as names and descriptions have. */
const prose = (): string => {
  const words = Array.from(
    { length: 1 + Math.floor(next() * 4) },
    () => pick(["pine", "lake", "north", "river", "old"])
  )
  const text = words.join(" ")
  return next() < 0.03
    ? `${text} (${Math.floor(next() * 90)}${pick(["th", "-", "/", "."])} '${pick(["a", "b"])}')`
    : text
}

const p = (detector: Detector, fn: string, ...args: ReadonlyArray<unknown>): number =>
  detector.score(event(fn, args)).pValue

describe("Detector on traffic of other kinds", () => {
  const place = () => [prose(), { lang: hex(3), kind: pick(["city", "river", "hill"]) }]
  const places = trained(Array.from({ length: 4400 }, () => event("place", place())), { falsePositiveRate: budget })

  it("is not deaf to structure where texts are odd every day", () => {
    expect(p(places, "place", prose(), { lang: hex(3), kind: "city" })).toBeGreaterThan(budget)
    expect(p(places, "place", prose(), { lang: { $ne: "" }, kind: "city" })).toBeLessThan(budget)
    expect(p(places, "place", prose(), { lang: hex(3), kind: "city" }, "x")).toBeLessThan(budget)
    expect(p(places, "place", prose(), { lang: hex(3), kind: "city", isAdmin: true })).toBeLessThan(budget)
  })

  it("does not let the first call make every new field ordinary", () => {
    const detector = trained(
      Array.from({ length: 200 }, () => event("save", [{ theme: pick(["light", "dark"]), size: pick([1, 2, 3]) }])),
      { falsePositiveRate: budget }
    )
    const polluted = JSON.parse("{\"theme\":\"dark\",\"size\":2,\"__proto__\":{\"isAdmin\":true}}") as object
    expect(detector.score(event("save", [polluted])).score).toBeGreaterThan(5)
  })

  it("takes a set for closed when all its values came early", () => {
    const detector = trained(
      Array.from({ length: 300 }, () => event("retry", [1 + Math.floor(next() * 6), pick(["GET", "PUT", "POST"])])),
      { falsePositiveRate: budget }
    )
    for (const odd of [-1, 2.5, 7, 1e6]) {
      expect(detector.score(event("retry", [odd, "GET"])).score).toBeGreaterThan(3)
    }
    expect(detector.score(event("retry", [3, "TRACE"])).score).toBeGreaterThan(3)
    expect(p(detector, "retry", 3, "PUT")).toBeGreaterThan(0.05)
  })

  it("still takes a set for open while new values come", () => {
    const detector = trained(
      Array.from({ length: 1000 }, (_, i) => event("order", [`o${Math.floor(i / 4)}`])),
      { falsePositiveRate: budget }
    )
    expect(p(detector, "order", "o251")).toBeGreaterThan(budget)
  })

  it("knows the length of a vector, of a code and the end of a range", () => {
    const call = () => [Array.from({ length: 5 }, () => next()), hex(24), Math.floor(18 + 72 * next())]
    const detector = trained(Array.from({ length: 1000 }, () => event("score", call())), { falsePositiveRate: budget })
    const vector = [0.1, 0.2, 0.3, 0.4, 0.5]
    expect(p(detector, "score", vector, hex(24), 40)).toBeGreaterThan(0.01)
    expect(p(detector, "score", vector.slice(1), hex(24), 40)).toBeLessThan(budget)
    expect(p(detector, "score", vector, hex(23), 40)).toBeLessThan(budget)
    expect(p(detector, "score", vector, hex(24), 999)).toBeLessThan(budget)
  })

  it("finds a new field beside an object whose fields are always new, and none in it", () => {
    const filters = () => Object.fromEntries(Array.from({ length: 3 }, () => [`f_${hex(4)}`, 1]))
    const query = () => ({ group: pick(["day", "week"]), filters: filters() })
    const detector = trained(Array.from({ length: 300 }, () => event("report", [query()])), {
      falsePositiveRate: budget
    })
    expect(p(detector, "report", query())).toBeGreaterThan(budget)
    expect(p(detector, "report", { ...query(), filters: { ...filters(), f_other: 1 } })).toBeGreaterThan(budget)
    expect(p(detector, "report", { ...query(), isAdmin: true })).toBeLessThan(budget)
  })
})
