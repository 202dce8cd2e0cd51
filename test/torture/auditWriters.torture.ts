import { assert, describe, it } from "@effect/vitest"
import { takeTurns } from "../support/audit/Writers.ts"
import { makeRandom } from "../support/Seeded.ts"

const seed = Number(process.env["PIC_TORTURE_SEED"] ?? 1)
const print = (what: string): void => void process.stdout.write(`audit/${what}\n`)

describe("audit under torture: writers that take turns", () => {
  it("1,000 logs of three writers each, with crashes and rotations, verified while they write", () => {
    const sum = { logs: 1_000, appended: 0, crashes: 0, verified: 0 }
    for (let n = 0; n < sum.logs; n++) {
      const turns = takeTurns(makeRandom(seed * 1_000_000 + n), 100, "none")
      sum.appended += turns.appended
      sum.crashes += turns.crashes
      sum.verified += turns.verified
    }
    print(`writers seed ${seed}: ${JSON.stringify(sum)}, 0 accused, 0 acknowledged records lost`)
    assert.isAbove(sum.crashes, sum.logs)
  })
})
