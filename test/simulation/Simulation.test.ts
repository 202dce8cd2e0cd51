import { assert, describe, it } from "@effect/vitest"
import { plants } from "./Plants.ts"
import { type Report, run } from "./Simulation.ts"

const steps = 600
const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
/** Plants are looked for in these schedules, one after the other. */
const controlSeeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

/** `SIMULATION_SEED=17 npx vitest run test/simulation` runs that schedule alone. */
const chosen = process.env["SIMULATION_SEED"]

const replay = (seed: number, report: Report): string =>
  `${report.complaints.slice(0, 5).join("\n")}\nreplay: SIMULATION_SEED=${seed} npx vitest run test/simulation`

const total = (reports: Iterable<Report>): Record<string, number> => {
  const sums: Record<string, number> = {}
  for (const { happened } of reports) {
    for (const [what, n] of Object.entries(happened)) sums[what] = (sums[what] ?? 0) + n
  }
  return sums
}

describe("agent, link and brain under a seeded schedule of faults", () => {
  const reports = new Map<number, Report>()

  for (const seed of chosen === undefined ? seeds : [Number(chosen)]) {
    it(`every promise holds after each of ${steps} steps, seed ${seed}, and twice the same`, async () => {
      const report = await run({ seed, steps })
      reports.set(seed, report)
      assert.deepStrictEqual(report.complaints, [], replay(seed, report))
      assert.isTrue(report.verified, `the evidence does not verify\n${replay(seed, report)}`)
      assert.strictEqual((await run({ seed, steps })).hash, report.hash, `seed ${seed} gave another trace`)
    })
  }

  it.runIf(chosen === undefined)("all faults fired, and every kind of verdict was given", () => {
    const sums = total(reports.values())
    const sources = new Set<string>()
    for (const { calls } of reports.values()) {
      for (const { decision } of calls) sources.add(`${decision?.source} ${decision?.action}`)
    }
    for (const [what, n] of Object.entries(sums)) assert.isAbove(n, 0, what)
    for (const bucket of ["analysed", "sampledOut", "throttled", "shed", "failed"] as const) {
      assert.isTrue([...reports.values()].some(({ accounting }) => accounting[bucket] > 0), bucket)
    }
    for (const source of ["brain allow", "brain block", "local allow", "local block", "observe allow"]) {
      assert.isTrue(sources.has(source), source)
    }
    for (const source of ["fail_open allow", "fail_closed block", "sampled_out allow"]) {
      assert.isTrue(sources.has(source), source)
    }
    process.stdout.write(`${Object.entries(sums).map(([what, n]) => `${what} ${n}`).join(", ")}\n`)
  })

  it.runIf(chosen === undefined)("another seed is another schedule", () => {
    assert.strictEqual(new Set([...reports.values()].map(({ hash }) => hash)).size, reports.size)
  })
})

describe.runIf(chosen === undefined)("the controls: the same checker finds", () => {
  for (const { name, overrides, says } of plants) {
    it(name, async () => {
      for (const seed of controlSeeds) {
        const { complaints } = await run({ seed, steps, plant: overrides })
        if (complaints.some((complaint) => says.test(complaint))) return
      }
      assert.fail(`nothing like ${String(says)} was found`)
    })
  }
})
