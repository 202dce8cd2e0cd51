import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { ReplayRule } from "../../src/domain/wire/ReplayRule.ts"
import { timestampFutureMs } from "../../src/domain/wire/ReplayWindow.ts"
import { epochLength, nonceLength, NonceSequence } from "../../src/domain/wire/Nonce.ts"
import { KeyManager } from "../../src/services/KeyManager.ts"
import { SecureTransport } from "../../src/services/SecureTransport.ts"
import { SecurityValidator } from "../../src/services/SecurityValidator.ts"
import { sampleEvent } from "../support/Arbitraries.ts"
import { makeRandom, type SeededRandom } from "../support/Seeded.ts"
import { epochMs, makeLink } from "../support/Signing.ts"

const pastMs = 300_000
const capacity = 16
const stepMs = 4_000
const hourMs = 3_600_000

/** What the schedule drives: a guard that lives through restarts. */
interface Guard {
  readonly accept: (sender: string, nonce: Uint8Array, timestamp: number, now: number) => boolean
  readonly tick: (now: number) => void
  /** `clean` stops in order; otherwise the process is killed. */
  readonly restart: (now: number, clean: boolean) => void
}

/** The shipped rule with a durable ceiling, run as `ReplayGuard.layerDurable` runs it. */
const shipped = (start: number): Guard => {
  let durable = start
  const boot = () => new ReplayRule({ floor: durable, ceiling: -Infinity, pastMs: () => pastMs, sendersMax: capacity })
  let rule = boot()
  const raise = (now: number) => {
    durable = Math.max(now, rule.latest) + stepMs
    rule.ceiling = durable
  }
  raise(start)
  return {
    accept: (sender, nonce, timestamp, now) => rule.accept(sender, nonce, timestamp, now) === "accepted",
    tick: (now) => {
      raise(now)
      rule.sweep(now)
    },
    restart: (now, clean) => {
      if (clean) durable = rule.latest
      rule = boot()
      raise(now)
    }
  }
}

const isFresh = (timestamp: number, now: number) => timestamp >= now - pastMs && timestamp <= now + timestampFutureMs
const idOf = (sender: string, nonce: Uint8Array) => `${sender}/${Buffer.from(nonce).toString("hex")}`

/** Planted: each nonce is kept for the message age, counted from its receipt. */
const ttlFromReceipt = (): Guard => {
  const seen = new Map<string, number>()
  const forget = (now: number) => {
    for (const [id, until] of seen) if (until < now) seen.delete(id)
  }
  return {
    accept: (sender, nonce, timestamp, now) => {
      forget(now)
      const id = idOf(sender, nonce)
      if (!isFresh(timestamp, now) || seen.has(id)) return false
      seen.set(id, now + pastMs)
      return true
    },
    tick: forget,
    restart: () => {}
  }
}

/** Planted: the set evicts its oldest entry when it is full. */
const lru = (): Guard => {
  const seen = new Set<string>()
  return {
    accept: (sender, nonce, timestamp, now) => {
      const id = idOf(sender, nonce)
      if (!isFresh(timestamp, now) || seen.has(id)) return false
      if (seen.size >= capacity * 8) seen.delete(seen.values().next().value!)
      seen.add(id)
      return true
    },
    tick: () => {},
    restart: () => {}
  }
}

/** Planted: every nonce is durable until its time is too old by the clock, but no floor remembers what was forgotten. */
const durableWithoutFloor = (): Guard => {
  const seen = new Map<string, number>()
  return {
    accept: (sender, nonce, timestamp, now) => {
      const id = idOf(sender, nonce)
      if (!isFresh(timestamp, now) || seen.has(id)) return false
      seen.set(id, timestamp)
      return true
    },
    tick: (now) => {
      for (const [id, timestamp] of seen) if (timestamp < now - pastMs) seen.delete(id)
    },
    restart: () => {}
  }
}

interface Message {
  readonly sender: string
  readonly nonce: Uint8Array
  readonly timestamp: number
}

const faults = [
  "send",
  "replay",
  "old_replay",
  "late",
  "flood",
  "advance",
  "jump",
  "clock_step",
  "crash",
  "stop",
  "tick"
] as const
type Fault = typeof faults[number]
const weights: Readonly<Record<Fault, number>> = {
  send: 40,
  replay: 20,
  old_replay: 10,
  late: 5,
  flood: 1,
  advance: 10,
  jump: 3,
  clock_step: 2,
  crash: 2,
  stop: 1,
  tick: 6
}
const deck = faults.flatMap((fault) => Array<Fault>(weights[fault]).fill(fault))

class World {
  readonly random: SeededRandom
  readonly guard: Guard
  readonly sent: Array<Message> = []
  readonly accepted = new Set<string>()
  readonly held: Array<Message> = []
  readonly senders: Array<{ readonly name: string; readonly nonces: NonceSequence; readonly skewMs: number }>
  now = 1_732_287_600_000
  /** The moment that has really passed: clocks of senders follow it, the guard's own steps. */
  real = this.now
  twice: string | undefined

  constructor(seed: number, make: (now: number) => Guard) {
    this.random = makeRandom(seed)
    this.guard = make(this.now)
    this.senders = Array.from({ length: 5 }, (_, i) => this.sender(`s${i}`))
  }

  sender(name: string) {
    const { random } = this
    const skewMs = random.pick([0, 0, 0, 2_000, 4_900, -30_000])
    return { name, nonces: new NonceSequence((length) => random.bytes(length)), skewMs }
  }

  sign(sender = this.random.pick(this.senders)): Message {
    const nonce = new Uint8Array(nonceLength)
    sender.nonces.next(nonce, 0)
    const message = { sender: sender.name, nonce, timestamp: this.real + sender.skewMs }
    this.sent.push(message)
    return message
  }

  deliver(message: Message): boolean {
    if (!this.guard.accept(message.sender, message.nonce, message.timestamp, this.now)) return false
    const id = idOf(message.sender, message.nonce)
    if (this.accepted.has(id)) this.twice = id
    this.accepted.add(id)
    return true
  }

  move(ms: number): void {
    this.now += ms
    this.real += ms
  }

  step(fault: Fault): void {
    const { random } = this
    switch (fault) {
      case "send":
        return void this.deliver(this.sign())
      case "late":
        return void (random.next() < 0.5 || this.held.length === 0
          ? this.held.push(this.sign())
          : this.deliver(this.held.splice(random.below(this.held.length), 1)[0]!))
      case "replay":
        if (this.sent.length > 0) this.deliver(this.sent[Math.max(0, this.sent.length - 1 - random.below(40))]!)
        return
      case "old_replay":
        for (let i = 0; i < 8 && this.sent.length > 0; i++) this.deliver(random.pick(this.sent))
        return
      case "flood":
        for (let i = 0; i < capacity * 10; i++) this.deliver(this.sign(this.sender(`f${random.below(1e9)}`)))
        return
      case "advance":
        return this.move(random.between(0, 5_000))
      case "jump":
        return this.move(random.pick([60_000, pastMs - 1, pastMs + 1, pastMs + 3_000, 2 * pastMs]))
      case "clock_step":
        this.now = this.real + random.pick([0, 0, 0, -hourMs, hourMs, -pastMs, pastMs])
        return
      case "crash":
        return this.guard.restart(this.now, false)
      case "stop":
        return this.guard.restart(this.now, true)
      case "tick":
        return this.guard.tick(this.now)
    }
  }
}

interface Outcome {
  readonly violation: string | undefined
  readonly steps: number
  readonly accepted: number
  readonly fired: Map<Fault, number>
}

/** Runs seeded schedules until a nonce is accepted twice. */
const explore = (make: (now: number) => Guard, schedules: number, stepsEach: number): Outcome => {
  const fired = new Map<Fault, number>()
  let accepted = 0
  for (let seed = 1; seed <= schedules; seed++) {
    const world = new World(seed, make)
    for (let step = 0; step < stepsEach; step++) {
      const fault = world.random.pick(deck)
      fired.set(fault, (fired.get(fault) ?? 0) + 1)
      world.step(fault)
      if (world.twice !== undefined) {
        return { violation: `seed ${seed}, step ${step}: ${world.twice} accepted twice`, steps: step, accepted, fired }
      }
    }
    accepted += world.accepted.size
  }
  return { violation: undefined, steps: schedules * stepsEach, accepted, fired }
}

describe("P2: no nonce is accepted twice", () => {
  it("through floods, restarts, clock steps, delays and replays (100,000 steps)", () => {
    const outcome = explore(shipped, 400, 250)
    assert.isUndefined(outcome.violation)
    assert.isAtLeast(outcome.steps, 100_000)
    for (const fault of faults) assert.isAtLeast(outcome.fired.get(fault) ?? 0, 500, `${fault} fired too rarely`)
    assert.isAtLeast(outcome.accepted, 10_000, "a guard that accepts nothing proves nothing")
  })

  it("accepts every fresh message once while nothing goes wrong", () => {
    const world = new World(1, shipped)
    const perfect = world.sender("perfect")
    world.move(1)
    for (let i = 0; i < 20_000; i++) {
      const message = world.sign({ ...perfect, skewMs: 0 })
      assert.isTrue(world.deliver(message))
      assert.isFalse(world.deliver(message))
      world.move(world.random.between(0, 20))
      if (i % 50 === 0) world.guard.tick(world.now)
    }
  })

  it("refuses when full instead of forgetting, and recovers when what it holds is too old", () => {
    const world = new World(1, shipped)
    world.move(1)
    const first = world.sign({ ...world.sender("first"), skewMs: 0 })
    assert.isTrue(world.deliver(first))
    let refused = 0
    for (let i = 0; i < capacity * 10; i++) if (!world.deliver(world.sign(world.sender(`n${i}`)))) refused++
    assert.isAtLeast(refused, capacity * 9)
    assert.isFalse(world.deliver(first))
    world.move(pastMs + 60_000)
    world.guard.tick(world.now)
    assert.isTrue(world.deliver(world.sign({ ...world.sender("later"), skewMs: 0 })))
  })

  const planted: ReadonlyArray<readonly [string, () => Guard]> = [
    ["a TTL counted from receipt", ttlFromReceipt],
    ["a set that evicts when full", lru],
    ["a durable set without a floor", durableWithoutFloor]
  ]
  for (const [name, make] of planted) {
    it(`positive control: catches ${name}`, () => {
      assert.match(explore(make, 400, 250).violation ?? "", /accepted twice/)
    })
  }

  it("positive control: catches the shipped rule restarted without its ceiling", () => {
    const forgetful = (start: number): Guard => {
      let guard = shipped(start)
      return {
        accept: (...message) => guard.accept(...message),
        tick: (now) => guard.tick(now),
        restart: () => {
          guard = shipped(-Infinity)
        }
      }
    }
    assert.match(explore(forgetful, 400, 250).violation ?? "", /accepted twice/)
  })

  it.effect("through key rotations and revocations, on the whole link (5,000 steps)", () => {
    const link = makeLink()
    return Effect.gen(function*() {
      const transport = yield* SecureTransport
      const validator = yield* SecurityValidator
      const keys = yield* KeyManager
      const random = makeRandom(9)
      const sent: Array<Uint8Array> = []
      const accepted = new Set<Uint8Array>()
      let now = epochMs
      for (let step = 0; step < 5_000; step++) {
        if (random.next() < 0.01) yield* keys.rotateKeys
        if (random.next() < 0.002) yield* keys.revokeKey(keys.getActiveKeyUnsafe("event").id)
        link.clock.set(now += random.between(0, 2_000))
        if (random.next() < 0.5) sent.push(transport.signEventUnsafe(sampleEvent).frame)
        const frame = sent[Math.max(0, sent.length - 1 - random.below(random.pick([1, 10, 1_000])))]
        if (frame === undefined || Result.isFailure(validator.verifyEventUnsafe(frame))) continue
        assert.isFalse(accepted.has(frame), `step ${step}`)
        accepted.add(frame)
      }
      assert.isAtLeast(accepted.size, 1_000)
    }).pipe(Effect.provide(link.layer))
  })

  it("never repeats an epoch's nonce", () => {
    const random = makeRandom(4)
    const sequence = new NonceSequence((length) => random.bytes(length))
    const seen = new Set<string>()
    for (let i = 0; i < 5_000; i++) {
      const nonce = new Uint8Array(nonceLength)
      sequence.next(nonce, 0)
      assert.strictEqual(nonce[6]! >> 4, 8)
      assert.strictEqual(nonce[8]! >> 6, 2)
      seen.add(Buffer.from(nonce).toString("hex"))
    }
    assert.strictEqual(seen.size, 5_000)
    assert.strictEqual(new Set([...seen].map((id) => id.slice(0, 2 * epochLength))).size, 1)
  })
})
