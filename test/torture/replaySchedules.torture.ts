import { assert, describe, it } from "@effect/vitest"
import { epochsPerSenderMax } from "../../src/domain/wire/ReplayRule.ts"
import { windowBits } from "../../src/domain/wire/ReplayWindow.ts"
import { measureFullTable } from "../support/replay/FullTable.ts"
import { capacity, durable, embedded, explore, planted } from "../support/replay/Schedules.ts"

const seed = Number(process.env["PIC_TORTURE_SEED"] ?? 1)
const schedules = Number(process.env["PIC_TORTURE_SCHEDULES"] ?? 1_000_000)
const stepsEach = 200

const print = (name: string, what: unknown): void => {
  process.stdout.write(`replay/${name} seed ${seed}: ${JSON.stringify(what)}\n`)
}

describe("replay under torture", () => {
  for (const [name, make] of [["durable", durable], ["embedded", embedded]] as const) {
    it(`${name}: ${schedules} schedules of ${stepsEach} steps accept no nonce twice`, () => {
      const outcome = explore({ make, seed, count: schedules, stepsEach })
      print(name, outcome)
      assert.isUndefined(outcome.violation)
      assert.strictEqual(outcome.schedules, schedules)
      assert.isAtMost(outcome.bytesMax, capacity * epochsPerSenderMax * windowBits / 8)
    })
  }

  for (const [name, make] of Object.entries(planted)) {
    it(`positive control: catches ${name}`, () => {
      const { schedules: ran, violation } = explore({ make, seed, count: schedules, stepsEach })
      print(name, { ran, violation })
      assert.match(violation ?? "", /accepted twice/)
    })
  }

  it("memory of a full table", () => {
    const { afterFlood, full, status } = measureFullTable()
    print("memory", { ...status, heapBytes: full, heapBytesAfterFlood: afterFlood })
    assert.isBelow(full / status.epochs, 1_024)
  })
})
