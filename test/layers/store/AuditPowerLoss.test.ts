import { assert, describe, it } from "@effect/vitest"
import { replay } from "../../support/audit/PowerLoss.ts"
import { canTrace } from "../../support/audit/Trace.ts"
import { makeRandom } from "../../support/Seeded.ts"

const seed = 1

describe("audit log after a power loss", () => {
  it("loses nothing that it acknowledged, where SQLite at synchronous = NORMAL loses it and is found out", async () => {
    if (!canTrace()) {
      return void process.stdout.write("audit power loss skipped: strace is not installed, or may not trace here\n")
    }
    const full = await replay({ groups: 60, states: 100, synchronous: "FULL", random: makeRandom(seed) })
    assert.deepInclude(full, { losing: 0, refused: 0 }, `seed ${seed}: ${full.firstRefusal}`)
    assert.strictEqual(full.acknowledged, 120)
    const control = await replay({ groups: 30, states: 30, synchronous: "NORMAL", random: makeRandom(seed) })
    assert.isAbove(control.losing, 0, "the replay must be able to lose records")
    assert.strictEqual(control.silent, 0, "a head that covers lost records says so")
  })
})
