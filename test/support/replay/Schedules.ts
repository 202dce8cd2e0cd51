import { ReplayRule } from "../../../src/domain/wire/ReplayRule.ts"
import { timestampFutureMs } from "../../../src/domain/wire/ReplayWindow.ts"
import { nonceLength } from "../../../src/domain/wire/Nonce.ts"
import { makeRandom, type SeededRandom } from "../Seeded.ts"

/** How old a message may be, in ms, and how far ahead the durable ceiling lies. */
export const pastMs = 300_000
const stepMs = 4_000
const hourMs = 3_600_000
/** Senders that a guard has room for; a flood brings ten times as many. */
export const capacity = 8
/** Messages of one schedule at most: further ones are not sent. */
const messagesMax = 4_096
const startMs = 1_732_287_600_000

/** A message of the model. `accepted` is the model's own memory: it must never be needed twice. */
export class Message {
  readonly index: number
  readonly nonce = new Uint8Array(nonceLength)
  sender = ""
  timestamp = 0
  key = 0
  boot = 0
  accepted = false

  constructor(index: number) {
    this.index = index
  }
}

/** What a schedule drives: a guard that lives through restarts. */
export interface Guard {
  readonly accept: (message: Message, now: number) => boolean
  readonly tick: (now: number) => void
  readonly restart: (now: number, how: "clean" | "crash" | "crash_while_saving") => void
  /** The disk refuses, or works again. */
  readonly setDisk: (works: boolean) => void
  /** Whether messages signed before a restart still verify: not where keys depend on the boot. */
  readonly outlivesBoot: boolean
  /** Bytes remembered now; `undefined` where nobody counts. */
  readonly bytes: () => number | undefined
}

/** The shipped rule with a durable ceiling, run as `ReplayGuard.layerDurable` runs it. */
export const durable = (start: number): Guard => {
  let saved = start
  let works = true
  const boot = () => new ReplayRule({ floor: saved, ceiling: -Infinity, pastMs: () => pastMs, sendersMax: capacity })
  let rule = boot()
  const raise = (now: number) => {
    const target = Math.max(now, rule.latest) + stepMs
    if (!works || target - rule.ceiling < stepMs / 4) return
    saved = target
    rule.ceiling = target
  }
  raise(start)
  return {
    outlivesBoot: true,
    accept: (message, now) => rule.accept(message.sender, message.nonce, message.timestamp, now) === "accepted",
    tick: (now) => {
      raise(now)
      rule.sweep(now)
    },
    restart: (now, how) => {
      if (how === "clean" && works) saved = rule.latest
      if (how === "crash_while_saving" && works) saved = Math.max(now, rule.latest) + stepMs
      rule = boot()
      raise(now)
    },
    setDisk: (next) => {
      works = next
    },
    bytes: () => rule.status().bytes
  }
}

/** The shipped rule without a file, run as `ReplayGuard.layerMemory` runs it: keys that depend on the boot do the rest. */
export const embedded = (): Guard => {
  const boot = () => new ReplayRule({ floor: -Infinity, ceiling: Infinity, pastMs: () => pastMs, sendersMax: capacity })
  let rule = boot()
  return {
    outlivesBoot: false,
    accept: (message, now) => rule.accept(message.sender, message.nonce, message.timestamp, now) === "accepted",
    tick: (now) => void rule.sweep(now),
    restart: () => {
      rule = boot()
    },
    setDisk: () => {},
    bytes: () => rule.status().bytes
  }
}

const isFresh = (timestamp: number, now: number) => timestamp >= now - pastMs && timestamp <= now + timestampFutureMs

const naive = (
  remember: (seen: Map<number, number>, message: Message, now: number) => void,
  forget: (seen: Map<number, number>, now: number) => void
): Guard => {
  const seen = new Map<number, number>()
  return {
    outlivesBoot: true,
    accept: (message, now) => {
      if (!isFresh(message.timestamp, now) || seen.has(message.index)) return false
      remember(seen, message, now)
      return true
    },
    tick: (now) => forget(seen, now),
    restart: () => {},
    setDisk: () => {},
    bytes: () => undefined
  }
}

const forgetBefore = (limit: (now: number) => number) => (seen: Map<number, number>, now: number) => {
  for (const [index, time] of seen) if (time < limit(now)) seen.delete(index)
}

/** The shipped rule, but a restart forgets what was durable. */
const withoutCeiling = (start: number): Guard => {
  let guard = durable(start)
  return {
    outlivesBoot: true,
    accept: (message, now) => guard.accept(message, now),
    tick: (now) => guard.tick(now),
    restart: () => {
      guard = durable(-Infinity)
    },
    setDisk: (works) => guard.setDisk(works),
    bytes: () => guard.bytes()
  }
}

/** Guards that look right: the three naive ones, and the shipped rule with one part missing. Each accepts a nonce twice. */
export const planted: Readonly<Record<string, (start: number) => Guard>> = {
  "a TTL counted from receipt": () =>
    naive((seen, message, now) => seen.set(message.index, now), forgetBefore((now) => now - pastMs)),
  "a set that evicts its oldest when full": () =>
    naive((seen, message) => {
      if (seen.size >= capacity * 8) seen.delete(seen.keys().next().value!)
      seen.set(message.index, message.timestamp)
    }, () => {}),
  "a durable set without a floor": () =>
    naive(
      (seen, message) => seen.set(message.index, message.timestamp),
      forgetBefore((now) => now - pastMs)
    ),
  "the shipped rule restarted without its ceiling": withoutCeiling
}

export const faults = [
  "send",
  "replay",
  "old_replay",
  "late",
  "skip_counters",
  "sender_restart",
  "flood",
  "advance",
  "jump",
  "clock_step",
  "rotate",
  "revoke",
  "disk",
  "crash",
  "crash_while_saving",
  "stop",
  "tick"
] as const
export type Fault = typeof faults[number]
const weights: Readonly<Record<Fault, number>> = {
  send: 40,
  replay: 20,
  old_replay: 10,
  late: 6,
  skip_counters: 2,
  sender_restart: 1,
  flood: 1,
  advance: 10,
  jump: 3,
  clock_step: 2,
  rotate: 2,
  revoke: 1,
  disk: 1,
  crash: 2,
  crash_while_saving: 1,
  stop: 1,
  tick: 8
}
const deck = faults.flatMap((fault) => Array<Fault>(weights[fault]).fill(fault))

interface Sender {
  name: string
  skewMs: number
  counter: number
  readonly epoch: Uint8Array
}

const skews = [0, 0, 0, 2_000, 4_900, -30_000]
const counterStarts = [0, 0, 2 ** 32 - 60, 2 ** 47]
const clockSteps = [0, 0, 0, -hourMs, hourMs, -pastMs, pastMs]
const jumps = [60_000, pastMs - 1, pastMs + 1, pastMs + 3_000, 2 * pastMs]

/** One schedule after another, each from its seed alone; what is big is made once and used again. */
export class Schedules {
  readonly fired = new Float64Array(faults.length)
  accepted = 0
  delivered = 0
  bytesMax = 0
  /** The nonce that was accepted twice, if any. */
  twice: Message | undefined
  readonly #messages = Array.from({ length: messagesMax }, (_, i) => new Message(i))
  readonly #senders: Array<Sender> = Array.from({ length: 4 }, (_, i) => ({
    name: `s${i}`,
    skewMs: 0,
    counter: 0,
    epoch: new Uint8Array(10)
  }))
  readonly #flooder: Sender = { name: "", skewMs: 0, counter: 0, epoch: new Uint8Array(10) }
  #random: SeededRandom = makeRandom(0)
  #guard: Guard = embedded()
  #sent = 0
  #held = -1
  #now = 0
  /** The moment that has really passed: clocks of senders follow it, the guard's own steps. */
  #real = 0
  #key = 0
  #revokedBelow = 0
  #boot = 0

  /** Runs `steps` steps; gives the step at which a nonce was accepted twice, or -1. */
  run(seed: number, make: (now: number) => Guard, steps: number): number {
    this.#begin(seed, make)
    for (let step = 0; step < steps; step++) {
      const fault = deck[this.#random.below(deck.length)]!
      this.#step(fault)
      if (this.twice !== undefined) return step
    }
    return -1
  }

  #begin(seed: number, make: (now: number) => Guard): void {
    this.#random = makeRandom(seed)
    this.#now = this.#real = startMs
    this.#guard = make(startMs)
    this.#sent = 0
    this.#held = -1
    this.#key = this.#revokedBelow = this.#boot = 0
    this.twice = undefined
    for (const sender of this.#senders) this.#restart(sender)
    this.#restart(this.#flooder)
  }

  #restart(sender: Sender): void {
    const random = this.#random
    for (let i = 0; i < 10; i++) sender.epoch[i] = random.below(256)
    sender.epoch[6] = sender.epoch[6]! & 0x0f | 0x80
    sender.epoch[8] = sender.epoch[8]! & 0x3f | 0x80
    sender.counter = random.pick(counterStarts)
    sender.skewMs = random.pick(skews)
  }

  #sign(sender: Sender): Message | undefined {
    const message = this.#messages[this.#sent]
    if (message === undefined) return undefined
    this.#sent++
    const { nonce } = message
    const counter = sender.counter++
    const high = Math.floor(counter / 0x1_0000_0000)
    nonce.set(sender.epoch)
    nonce[10] = high >>> 8
    nonce[11] = high
    nonce[12] = counter >>> 24
    nonce[13] = counter >>> 16
    nonce[14] = counter >>> 8
    nonce[15] = counter
    message.sender = sender.name
    message.timestamp = this.#real + sender.skewMs
    message.key = this.#key
    message.boot = this.#boot
    message.accepted = false
    return message
  }

  #deliver(message: Message | undefined): void {
    if (message === undefined || message.key < this.#revokedBelow) return
    if (message.boot !== this.#boot && !this.#guard.outlivesBoot) return
    this.delivered++
    if (!this.#guard.accept(message, this.#now)) return
    if (message.accepted) this.twice = message
    message.accepted = true
    this.accepted++
  }

  #replay(back: number): void {
    if (this.#sent > 0) this.#deliver(this.#messages[Math.max(0, this.#sent - 1 - this.#random.below(back))])
  }

  #flood(): void {
    const flooder = this.#flooder
    for (let i = 0; i < capacity * 10; i++) {
      flooder.name = floodNames[i]!
      this.#deliver(this.#sign(flooder))
    }
    this.bytesMax = Math.max(this.bytesMax, this.#guard.bytes() ?? 0)
  }

  #late(): void {
    if (this.#held < 0) {
      this.#sign(this.#random.pick(this.#senders))
      this.#held = this.#sent - 1
      return
    }
    this.#deliver(this.#messages[this.#held])
    this.#held = -1
  }

  #move(ms: number): void {
    this.#now += ms
    this.#real += ms
  }

  #again(how: "clean" | "crash" | "crash_while_saving"): void {
    this.#boot++
    this.#guard.restart(this.#now, how)
  }

  #step(fault: Fault): void {
    const random = this.#random
    this.fired[faults.indexOf(fault)]!++
    switch (fault) {
      case "send":
        return this.#deliver(this.#sign(random.pick(this.#senders)))
      case "replay":
        return this.#replay(40)
      case "old_replay":
        for (let i = 0; i < 8; i++) this.#replay(messagesMax)
        return
      case "late":
        return this.#late()
      case "skip_counters":
        random.pick(this.#senders).counter += random.below(3_000)
        return
      case "sender_restart":
        return this.#restart(random.pick(this.#senders))
      case "flood":
        return this.#flood()
      case "advance":
        return this.#move(random.between(0, 5_000))
      case "jump":
        return this.#move(random.pick(jumps))
      case "clock_step":
        this.#now = this.#real + random.pick(clockSteps)
        return
      case "rotate":
        this.#key++
        return
      case "revoke":
        this.#revokedBelow = this.#key++
        return
      case "disk":
        return this.#guard.setDisk(random.next() < 0.5)
      case "crash":
      case "crash_while_saving":
        return this.#again(fault)
      case "stop":
        return this.#again("clean")
      case "tick":
        return this.#guard.tick(this.#now)
    }
  }
}

const floodNames = Array.from({ length: capacity * 10 }, (_, i) => `flood${i}`)

/** What a run of many schedules showed. */
export interface Explored {
  readonly schedules: number
  readonly steps: number
  readonly violation: string | undefined
  readonly accepted: number
  readonly delivered: number
  readonly bytesMax: number
  readonly fired: Readonly<Record<Fault, number>>
}

/** Runs schedules with seeds counted up from `seed`, until one accepts a nonce twice or `count` are through. */
export const explore = (options: {
  readonly make: (now: number) => Guard
  readonly seed: number
  readonly count: number
  readonly stepsEach: number
}): Explored => {
  const { count, make, seed, stepsEach } = options
  const schedules = new Schedules()
  let ran = 0
  let violation: string | undefined
  while (ran < count && violation === undefined) {
    const step = schedules.run(seed + ran++, make, stepsEach)
    if (step >= 0) {
      violation = `seed ${seed + ran - 1}, step ${step}: a nonce of ${schedules.twice?.sender} accepted twice`
    }
  }
  const fired = Object.fromEntries(faults.map((fault, i) => [fault, schedules.fired[i]!])) as Record<Fault, number>
  const { accepted, bytesMax, delivered } = schedules
  return { schedules: ran, steps: ran * stepsEach, violation, accepted, delivered, bytesMax, fired }
}
