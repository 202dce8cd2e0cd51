import { assert, describe, it } from "@effect/vitest"
import { replay } from "../support/audit/PowerLoss.ts"
import { canTrace } from "../support/audit/Trace.ts"
import { makeRandom } from "../support/Seeded.ts"

const seed = Number(process.env["PIC_TORTURE_SEED"] ?? 1)
const print = (what: string): void => void process.stdout.write(`audit/${what}\n`)

describe("audit under torture: power loss", () => {
  it("1,500 states that a power loss may leave", async () => {
    if (!canTrace()) return print("power loss skipped: strace is not installed, or tracing is not permitted here")
    const full = await replay({ groups: 400, states: 1_500, synchronous: "FULL", random: makeRandom(seed) })
    print(`power loss seed ${seed}: ${JSON.stringify(full)}`)
    assert.deepInclude(full, { losing: 0, refused: 0 }, `seed ${seed}: ${full.firstRefusal}`)
    const control = await replay({ groups: 100, states: 200, synchronous: "NORMAL", random: makeRandom(seed) })
    print(`power loss, SQLite at synchronous = NORMAL: ${JSON.stringify(control)}`)
    assert.isAbove(control.losing, 20, "the replay must be able to lose records")
    assert.strictEqual(control.silent, 0, "a head that covers lost records says so")
  })
})
