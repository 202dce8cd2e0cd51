import { describe, expect, it } from "vitest"
import { binomialQuantile, event, random, trained } from "./support.ts"

const budget = 0.001
type Draw = (next: () => number) => number

const gaussian: Draw = (next) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
const exponential: Draw = (next) => -Math.log(1 - next())
const prices = [990, 1490, 1990, 2990, 4990, 9990, 19_990, 49_990]

/** Honest quantities of many kinds, light and heavy tails, open and closed ends. */
const quantities: Readonly<Record<string, Draw>> = {
  exponential: (next) => 1 + Math.round(5000 * exponential(next)),
  "log-normal": (next) => Math.round(24_000 * Math.exp(0.8 * gaussian(next))),
  pareto: (next) => Math.round(1000 * (1 - next()) ** (-1 / 1.5)),
  uniform: (next) => 10 + Math.floor(990 * next()),
  bounded: (next) => Math.min(500, Math.round(100 * exponential(next))),
  mixed: (next) =>
    Math.round(next() < 0.9 ? 2000 * Math.exp(gaussian(next) / 2) : 1e5 * Math.exp(0.7 * gaussian(next))),
  "price list": (next) => prices[Math.floor(8 * next() ** 2)]!,
  count: (next) => 1 + Math.floor(1.2 * exponential(next))
}

/** Learning ends when it is ended. */
const wholePhase = { falsePositiveRate: budget, minSeconds: Number.MAX_SAFE_INTEGER }

/** A function that learned `learn` numbers, and what it says of another one. */
const judge = (draw: Draw, seed: number, learn: number) => {
  const next = random(seed)
  const numbers = Array.from({ length: learn }, () => draw(next))
  const detector = trained(numbers.map((number) => event("pay", [number])), wholePhase)
  const pValue = (number: number): number => {
    const call = event("pay", [number])
    const verdict = detector.score(call)
    detector.learn(call, verdict)
    return verdict.pValue
  }
  return { next, numbers, pValue }
}

/** False alarms on `test` numbers of another draw, behind those learned. */
const alarms = (draw: Draw, later: Draw, learn: number, test: number, seeds: number): number => {
  let found = 0
  for (let seed = 0; seed < seeds; seed++) {
    const { next, pValue } = judge(draw, 500 + seed, learn)
    for (let i = 0; i < test; i++) if (pValue(later(next)) <= budget) found++
  }
  return found
}

describe("numbers", () => {
  for (const [name, draw] of Object.entries(quantities)) {
    it(`keep within the budget: ${name}`, () => {
      for (const [learn, test, seeds] of [[100, 1000, 20], [1000, 2000, 10], [20_000, 10_000, 2]] as const) {
        const bound = binomialQuantile(test * seeds, 1.5 * budget)
        expect(alarms(draw, draw, learn, test, seeds), `${learn} learned`).toBeLessThanOrEqual(bound)
      }
    })
  }

  it("would not, if they were ten times as large as those learned", () => {
    for (const name of ["exponential", "log-normal", "uniform", "price list"]) {
      const draw = quantities[name]!
      const found = alarms(draw, (next) => 10 * draw(next), 1000, 1000, 2)
      expect(found, name).toBeGreaterThan(binomialQuantile(2000, 1.5 * budget))
    }
  })

  it("are odd in a form that never came, after a hundred calls", () => {
    for (const name of ["exponential", "log-normal", "uniform", "price list"]) {
      const { numbers, pValue } = judge(quantities[name]!, 600, 100)
      for (const odd of [-1, -numbers[0]!, numbers[0]! + 0.5, 5e-324, Number.NaN, Infinity, 2 ** 53]) {
        expect(pValue(odd), `${name}: ${odd}`).toBeLessThan(budget)
      }
    }
  })

  it("are odd beyond the end of a range that has one", () => {
    expect(judge(quantities["uniform"]!, 601, 100).pValue(5000)).toBeLessThan(budget)
    expect(judge(quantities["uniform"]!, 601, 1000).pValue(2000)).toBeLessThan(budget)
    expect(judge(quantities["price list"]!, 601, 300).pValue(59_990)).toBeLessThan(budget)
    expect(judge(quantities["pareto"]!, 601, 100).pValue(5000)).toBeGreaterThan(budget)
  })

  it("say little by being new where few and different ones were seen, whether values or lengths", () => {
    const next = random(602)
    const tags = () => Array.from({ length: Math.floor(1.2 * exponential(next)) }, () => "tag")
    const detector = trained(Array.from({ length: 400 }, () => event("search", [tags()])), {
      falsePositiveRate: budget
    })
    const most = Math.max(...Array.from({ length: 400 }, () => tags().length))
    const verdict = detector.score(event("search", [Array.from({ length: most + 1 }, () => "tag")]))
    expect(verdict.score).toBeLessThan(3)
    expect(detector.score(event("search", [Array.from({ length: 30 }, () => "tag")])).score).toBeGreaterThan(3)
  })
})
