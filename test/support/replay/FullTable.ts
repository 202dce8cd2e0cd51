import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { epochsPerSenderMax, ReplayRule, sendersMax } from "../../../src/domain/wire/ReplayRule.ts"
import { nonceLength, NonceSequence } from "../../../src/domain/wire/Nonce.ts"
import { makeRandom } from "../Seeded.ts"
import { pastMs } from "./Schedules.ts"

const now = 1_732_287_600_000

const collect = (): void => {
  setFlagsFromString("--expose-gc")
  const gc: () => void = runInNewContext("gc")
  for (let i = 0; i < 3; i++) gc()
}

const used = (): number => {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** What a guard holds whose every place is taken, before and after a flood of ten times its capacity. */
export const measureFullTable = () => {
  const random = makeRandom(5)
  const nonce = new Uint8Array(nonceLength)
  const before = used()
  const rule = new ReplayRule({ floor: -Infinity, ceiling: Infinity, pastMs: () => pastMs })
  const offer = (sender: string): string => {
    new NonceSequence((length) => random.bytes(length)).next(nonce, 0)
    return rule.accept(sender, nonce, now, now)
  }
  const fill = (senders: number, prefix: string) => {
    const verdicts = new Map<string, number>()
    for (let i = 0; i < senders * epochsPerSenderMax; i++) {
      const verdict = offer(`${prefix}${i % senders}`)
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }
    return verdicts
  }
  const filled = fill(sendersMax, "agent#")
  const full = used() - before
  const flooded = fill(10 * sendersMax, "flood#")
  const afterFlood = used() - before
  return { filled, flooded, full, afterFlood, status: rule.status() }
}
