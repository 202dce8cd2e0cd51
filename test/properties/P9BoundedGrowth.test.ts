import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { BoundedQueue, type DropPolicy } from "../../src/domain/flow/BoundedQueue.ts"
import type { Priority } from "../../src/domain/TelemetryEvent.ts"

interface Item {
  readonly id: number
  readonly bytes: number
  readonly priority: Priority
}

interface Queue {
  readonly size: number
  readonly bytes: number
  readonly offer: (item: Item, policy: DropPolicy, onDrop: (item: Item) => void) => void
  readonly poll: () => Item | undefined
}

const ranks: Record<Priority, number> = { low: 0, normal: 1, high: 2 }

/** The same queue as a plain array: obviously right, and slow. */
class Model implements Queue {
  items: Array<Item> = []
  readonly sizeMax: number
  readonly bytesMax: number

  constructor(sizeMax: number, bytesMax: number) {
    this.sizeMax = sizeMax
    this.bytesMax = bytesMax
  }

  get size() {
    return this.items.length
  }

  get bytes() {
    return this.items.reduce((sum, item) => sum + item.bytes, 0)
  }

  offer(item: Item, policy: DropPolicy, onDrop: (item: Item) => void) {
    if (item.bytes > this.bytesMax) return onDrop(item)
    while (this.size >= this.sizeMax || this.bytes + item.bytes > this.bytesMax) {
      const rank = policy === "oldest" ? undefined : Math.min(...this.items.map((i) => ranks[i.priority]))
      if (rank !== undefined && ranks[item.priority] < rank) return onDrop(item)
      const at = rank === undefined ? 0 : this.items.findIndex((i) => ranks[i.priority] === rank)
      onDrop(this.items.splice(at, 1)[0]!)
    }
    this.items.push(item)
  }

  poll() {
    return this.items.shift()
  }
}

/** The planted bug: makes room only when the queue is already over its bound. */
class OffByOne extends Model {
  override offer(item: Item, _policy: DropPolicy, onDrop: (item: Item) => void) {
    while (this.size > this.sizeMax + 1) onDrop(this.items.shift()!)
    this.items.push(item)
  }
}

/** The planted bug: the caller of a dropped event is forgotten. */
class Forgetful extends Model {
  override offer(item: Item, policy: DropPolicy) {
    super.offer(item, policy, () => undefined)
  }
}

type Step = { readonly kind: "offer"; readonly bytes: number; readonly priority: Priority } | { readonly kind: "poll" }

const scenario = fc.record({
  sizeMax: fc.integer({ min: 1, max: 40 }),
  bytesMax: fc.integer({ min: 1, max: 400 }),
  policy: fc.constantFrom<DropPolicy>("oldest", "lowest_priority"),
  steps: fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("offer" as const),
          bytes: fc.integer({ min: 0, max: 60 }),
          priority: fc.constantFrom<Priority>("low", "normal", "high")
        })
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("poll" as const) }) }
    ),
    { minLength: 1, maxLength: 300 }
  )
})
type Scenario = {
  readonly sizeMax: number
  readonly bytesMax: number
  readonly policy: DropPolicy
  readonly steps: ReadonlyArray<Step>
}

/** P9: bounded at every moment, the right ones go, and every item is either taken, still there, or answered as dropped. */
const holds = (
  make: (sizeMax: number, bytesMax: number) => Queue,
  { bytesMax, policy, sizeMax, steps }: Scenario
): boolean => {
  const queue = make(sizeMax, bytesMax)
  const model = new Model(sizeMax, bytesMax)
  const dropped: Array<number> = []
  const expected: Array<number> = []
  let offered = 0
  let taken = 0
  for (const step of steps) {
    if (step.kind === "offer") {
      const item = { id: offered++, bytes: step.bytes, priority: step.priority }
      queue.offer(item, policy, (i) => dropped.push(i.id))
      model.offer(item, policy, (i) => expected.push(i.id))
    } else {
      const item = queue.poll()
      if (item?.id !== model.poll()?.id) return false
      if (item !== undefined) taken++
    }
    if (queue.size > sizeMax || queue.bytes > bytesMax || queue.size !== model.size || queue.bytes !== model.bytes) {
      return false
    }
  }
  return offered === taken + dropped.length + queue.size && dropped.join() === expected.join()
}

const real = (sizeMax: number, bytesMax: number): Queue => new BoundedQueue<Item>({ sizeMax, bytesMax })

describe("P9 bounded growth", () => {
  it("never exceeds size or bytes, drops the right ones and answers all of them", () => {
    fc.assert(fc.property(scenario, (s) => holds(real, s)), { numRuns: 500 })
  })

  it("control: an off-by-one is found", () => {
    assert.isTrue(
      fc.check(fc.property(scenario, (s) => holds((n, b) => new OffByOne(n, b), s)), { numRuns: 200 }).failed
    )
  })

  it("control: a dropped event whose caller is not answered is found", () => {
    assert.isTrue(
      fc.check(fc.property(scenario, (s) => holds((n, b) => new Forgetful(n, b), s)), { numRuns: 200 }).failed
    )
  })

  it("holds 100,000 items and drops from any priority without walking them", () => {
    const queue = new BoundedQueue<Item>({ sizeMax: 100_000, bytesMax: 1e9 })
    let dropped = 0
    const priorities: ReadonlyArray<Priority> = ["low", "normal", "high"]
    // Quadratic cost would be 10^10 steps here.
    for (let id = 0; id < 300_000; id++) {
      queue.offer({ id, bytes: 1, priority: priorities[id % 3]! }, "lowest_priority", () => dropped++)
    }
    assert.strictEqual(queue.size, 100_000)
    assert.strictEqual(dropped, 200_000)
    assert.strictEqual(queue.poll()?.priority, "high")
    let last = -1
    for (let item = queue.poll(); item !== undefined; item = queue.poll()) {
      assert.isAbove(item.id, last)
      last = item.id
    }
    assert.strictEqual(queue.bytes, 0)
  })

  it("refuses bounds that hold nothing", () => {
    assert.throws(() => new BoundedQueue({ sizeMax: 0, bytesMax: 1 }), RangeError)
    assert.throws(() => new BoundedQueue({ sizeMax: 1, bytesMax: 0 }), RangeError)
  })
})
