import { assert, describe, it } from "@effect/vitest"
import { takeTurns, type Turns } from "../../support/audit/Writers.ts"
import { makeRandom } from "../../support/Seeded.ts"

/** Logs here; `npm run torture` writes a thousand. */
const logs = 60
const steps = 60

describe("audit log of writers that take turns", () => {
  it("is sound at every moment, whoever crashes or rotates its key, and has every record that was acknowledged", () => {
    const turns = Array.from({ length: logs }, (_, seed): Turns => takeTurns(makeRandom(seed), steps, "none"))
    const sum = (of: (one: Turns) => number) => turns.reduce((total, one) => total + of(one), 0)
    assert.isAbove(sum(({ appended }) => appended), logs * steps)
    assert.isAbove(sum(({ crashes }) => crashes), logs)
    assert.isAbove(sum(({ verified }) => verified), logs * 2)
  })

  it("control: notices a writer that does not look at what the others carry", () => {
    for (let seed = 0; seed < 10; seed++) {
      assert.throws(() => takeTurns(makeRandom(seed), steps, "own head"), /given out twice|is gone|covers|UNIQUE/)
    }
  })
})
