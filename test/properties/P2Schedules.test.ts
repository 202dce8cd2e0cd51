import { assert, describe, it } from "@effect/vitest"
import { epochsPerSenderMax, sendersMax } from "../../src/domain/wire/ReplayRule.ts"
import { windowBits } from "../../src/domain/wire/ReplayWindow.ts"
import { measureFullTable } from "../support/replay/FullTable.ts"
import { capacity, durable, embedded, explore, faults, planted } from "../support/replay/Schedules.ts"

/** Schedules of 200 steps each; `npm run torture` runs a million of each kind. */
const schedules = 5_000
const stepsEach = 200

describe("P2: no nonce is accepted twice, in schedules of every fault", () => {
  for (const [name, make] of [["durable", durable], ["embedded", embedded]] as const) {
    it(`${name}: ${schedules} schedules`, () => {
      const outcome = explore({ make, seed: 1, count: schedules, stepsEach })
      assert.isUndefined(outcome.violation)
      assert.strictEqual(outcome.schedules, schedules)
      for (const fault of faults) assert.isAbove(outcome.fired[fault], schedules, `${fault} fired too rarely`)
      assert.isAbove(outcome.accepted, 10 * schedules, "a guard that accepts nothing proves nothing")
      assert.isAtMost(outcome.bytesMax, capacity * epochsPerSenderMax * windowBits / 8)
    })
  }

  for (const [name, make] of Object.entries(planted)) {
    it(`positive control: catches ${name}`, () => {
      assert.match(explore({ make, seed: 1, count: schedules, stepsEach }).violation ?? "", /accepted twice/)
    })
  }

  it("a full table stays as large as it is through a flood of ten times its capacity", () => {
    const { afterFlood, filled, flooded, full, status } = measureFullTable()
    const epochs = sendersMax * epochsPerSenderMax
    assert.deepStrictEqual([...filled], [["accepted", epochs]])
    assert.deepStrictEqual([...flooded], [["capacity", 10 * epochs]])
    assert.deepStrictEqual(status, { senders: sendersMax, epochs, bytes: epochs * windowBits / 8 })
    // 256 bytes of bitmap and the objects around it; the rest of the process moves the figure a little.
    assert.isBelow(full / epochs, 1_024)
    assert.isBelow(afterFlood, full + 2 * 1024 * 1024)
  })
})
