/** The `monitor` decorator on real classes, from compiled output: type stripping does not know decorators. */
import { CallBlocked, monitor, PicRuntime } from "effect-pic"
import * as assert from "node:assert/strict"
import { afterEach, describe, it } from "node:test"

const settings = {
  rollout: { mode: "enforce" },
  brain: { min_seconds: 3_600 },
  storage: { directory: "memory" }
} as const

class Account {
  readonly balance: number
  static made = 0

  constructor(balance: number) {
    this.balance = balance
  }

  @monitor("account.describe")
  describe(label: string): string {
    return `${label}: ${this.balance}`
  }

  @monitor("account.later")
  async later(label: string): Promise<string> {
    return `${label}: ${this.balance}`
  }

  @monitor("account.fails")
  async fails(message: string): Promise<never> {
    throw new RangeError(message)
  }

  @monitor("account.throws")
  throws(message: string): never {
    throw new RangeError(message)
  }

  @monitor("account.open")
  static open(owner: string): string {
    Account.made++
    return owner
  }

  @monitor("account.guarded", { failMode: "closed" })
  guarded(): string {
    return "ran"
  }
}

let running: ReturnType<typeof PicRuntime.make> | undefined
const start = async () => {
  running = PicRuntime.make({ settings, stopOnSignals: false })
  await running.start()
  return running
}

afterEach(async () => {
  await running?.stop()
  running = undefined
})

describe("monitor", () => {
  it("keeps this, arguments and results of sync, async and static methods", async () => {
    await start()
    const account = new Account(12)
    assert.equal(account.describe("now"), "now: 12")
    assert.equal(await account.later("then"), "then: 12")
    assert.equal(Account.open("ana"), "ana")
  })

  it("lets the method's own failures through untouched", async () => {
    await start()
    const account = new Account(0)
    await assert.rejects(account.fails("own"), (error) => error instanceof RangeError && error.message === "own")
    assert.throws(() => account.throws("own"), (error) => error instanceof RangeError && error.message === "own")
  })

  it("counts each call once", async () => {
    const runtime = await start()
    const account = new Account(1)
    for (let n = 0; n < 10; n++) await account.later(`call ${n}`)
    for (let n = 0; n < 5; n++) account.describe(`call ${n}`)
    assert.equal((await runtime.getStats()).accounting.offered, 15)
  })

  it("blocks what no call looked like, sync and async, without running it", async () => {
    const runtime = await start()
    const account = new Account(7)
    for (let n = 0; n < 1_500; n++) {
      await account.later(`week ${n % 52}`)
      Account.open(`owner-${100 + n % 700}`)
    }
    await runtime.finishLearning()
    const made = Account.made
    await assert.rejects(account.later("'; DROP TABLE account;--"), CallBlocked)
    assert.throws(() => Account.open("<script>alert(document.cookie)</script>"), CallBlocked)
    assert.equal(Account.made, made)
  })

  it("runs unprotected without a runtime, unless the method fails closed", async () => {
    const account = new Account(3)
    assert.equal(account.describe("bare"), "bare: 3")
    assert.throws(() => account.guarded(), CallBlocked)
    await start()
    assert.equal(account.guarded(), "ran")
  })
})
