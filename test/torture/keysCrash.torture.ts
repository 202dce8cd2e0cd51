import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { temporaryDirectory } from "../layers/store/Setup.ts"
import { inspectKeyset, killRound, startRotator } from "../support/keys/Keysets.ts"
import { openNode } from "../support/keys/KeyNode.ts"
import { makeRandom } from "../support/Seeded.ts"

const seed = Number(process.env["PIC_TORTURE_SEED"] ?? 1)
const rounds = 100

const print = (what: string): void => void process.stdout.write(`keys/${what}\n`)

/** The system calls that change the disk, with the errors that they may give; each at its n-th time. */
const injections: ReadonlyArray<
  { readonly call: string; readonly faults: ReadonlyArray<string>; readonly upTo: number }
> = [
  { call: "fsync", faults: ["error=EIO", "error=ENOSPC", "signal=KILL"], upTo: 10 },
  { call: "rename", faults: ["error=EIO", "error=ENOSPC", "signal=KILL"], upTo: 5 },
  { call: "write", faults: ["error=EIO", "error=ENOSPC", "signal=KILL"], upTo: 24 },
  { call: "pwrite64", faults: ["error=EIO", "error=ENOSPC", "signal=KILL"], upTo: 4 },
  { call: "unlink", faults: ["error=EIO", "signal=KILL"], upTo: 2 }
]

/** Whether this machine lets one process trace another: containers often do not. */
const canTrace = (): boolean => {
  const tried = spawnSync("strace", ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", process.execPath, "-e", "0"])
  return tried.status === 0
}

describe("keys under torture: faults", () => {
  it.live(`${rounds} rounds of kill -9 while two processes rotate`, () =>
    Effect.gen(function*() {
      const random = makeRandom(seed)
      let rotations = 0
      let directory = yield* temporaryDirectory
      for (let round = 0; round < rounds; round++) {
        if (round % 10 === 0) directory = yield* temporaryDirectory
        const { acknowledged, failures, wrong } = yield* killRound(directory, random)
        assert.isUndefined(wrong, `seed ${seed}, round ${round}`)
        assert.strictEqual(failures, 0, `seed ${seed}, round ${round}`)
        if (round % 10 === 9) rotations += acknowledged - 1
      }
      print(`kill seed ${seed}: ${2 * rounds} kills, ${rotations} rotations, 0 lost, 0 damaged`)
    }))

  it.live("each system call that changes the disk fails or kills, at each time it is made", () =>
    Effect.gen(function*() {
      if (!canTrace()) return print("faults skipped: strace is not installed, or tracing is not permitted here")
      const directory = yield* temporaryDirectory
      yield* Effect.scoped(openNode(directory))
      for (const { call, faults, upTo } of injections) {
        for (const fault of faults) {
          const seen = { ok: 0, failed: 0, killed: 0 }
          for (let nth = 1; nth <= upTo; nth++) {
            const inject = `inject=${call}:${fault}:when=${nth}`
            const under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject]
            const rotator = startRotator({ directory, times: 3, under })
            const end = yield* Effect.promise(() => rotator.ended)
            const wrong = yield* inspectKeyset(directory, rotator.acknowledged())
            assert.isUndefined(wrong, inject)
            if (end !== 0) seen.killed++
            else if (rotator.failures() > 0) seen.failed++
            else seen.ok++
          }
          print(`fault ${call} ${fault}: ${JSON.stringify(seen)} of ${upTo}, keyset whole each time`)
          const fired = seen.failed + seen.killed
          if (call === "fsync" || call === "rename") assert.isAbove(fired, 1, `${call} ${fault} never fired`)
        }
      }
    }))
})
