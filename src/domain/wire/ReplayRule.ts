import { ReplayWindow, timestampFutureMs, windowBits } from "./ReplayWindow.ts"
import { counterOf, isNonce } from "./Nonce.ts"

/** Why a nonce was not accepted; `accepted` is the only verdict that lets a message act. */
export type ReplayRuleVerdict = "accepted" | "replayed" | "stale" | "future" | "capacity" | "malformed"

/** Most senders remembered at once. A sender is one agent process; a full table refuses new ones, never forgets old. */
export const sendersMax = 4096
/** Most epochs of one sender: an agent uses one for nine years, so more than a few is a fault. */
export const epochsPerSenderMax = 4
/** How often, in ms, a full table looks for what may be forgotten: a flood must not make each refusal a scan. */
const sweepIntervalMs = 1_000

/** The used nonces of one sender epoch, and the newest time among them. */
class Epoch {
  readonly window = new ReplayWindow()
  readonly high: number
  readonly middle: number
  readonly low: number
  latest = -Infinity

  constructor(nonce: Uint8Array) {
    this.high = word(nonce, 0)
    this.middle = word(nonce, 4)
    this.low = nonce[8]! << 8 | nonce[9]!
  }

  is(nonce: Uint8Array): boolean {
    return this.high === word(nonce, 0) && this.middle === word(nonce, 4) && this.low === (nonce[8]! << 8 | nonce[9]!)
  }
}

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!

/**
 * Never accepts a nonce twice, whatever the clock does.
 *
 * A message is accepted only if it is fresh, newer than the `floor`, not above the `ceiling`, and its nonce is not among
 * those remembered. What is remembered is given up only together with a floor at or above its time, and a restart starts
 * with the floor at the last ceiling that was made durable. So a wrong clock costs accepted messages, never safety.
 */
export class ReplayRule {
  readonly #senders = new Map<string, Array<Epoch>>()
  readonly #pastMs: () => number
  readonly #sendersMax: number
  #epochs = 0
  #floor: number
  #latest: number
  #sweptAt = -Infinity
  /** Messages dated above are refused: the process must first make a higher ceiling durable. */
  ceiling: number

  /** `floor` is the ceiling of the last run; `pastMs` how old a message may be. Times in epoch ms. */
  constructor(options: {
    readonly floor: number
    readonly ceiling: number
    readonly pastMs: () => number
    readonly sendersMax?: number | undefined
  }) {
    this.#floor = options.floor
    this.#latest = options.floor
    this.ceiling = options.ceiling
    this.#pastMs = options.pastMs
    this.#sendersMax = options.sendersMax ?? sendersMax
  }

  /** The newest time that was ever accepted, or the floor: a ceiling at least this high keeps the promise. */
  get latest(): number {
    return this.#latest
  }

  /** The verdict on a message, and where it is accepted, its nonce is used up. Call it after the MAC was verified. */
  accept(sender: string, nonce: Uint8Array, timestamp: number, now: number): ReplayRuleVerdict {
    const verdict = this.examine(sender, nonce, timestamp, now)
    if (verdict === "capacity" && this.#sweepIfDue(now)) return this.accept(sender, nonce, timestamp, now)
    if (verdict === "accepted") this.#remember(sender, nonce, timestamp)
    return verdict
  }

  /** The verdict that `accept` would give, without any change. */
  examine(sender: string, nonce: Uint8Array, timestamp: number, now: number): ReplayRuleVerdict {
    if (!isNonce(nonce, 0) || !Number.isFinite(timestamp)) return "malformed"
    if (timestamp > now + timestampFutureMs) return "future"
    if (timestamp < now - this.#pastMs() || timestamp <= this.#floor) return "stale"
    const epochs = this.#senders.get(sender)
    const epoch = epochs === undefined ? undefined : find(epochs, nonce)
    if (epoch !== undefined) {
      if (epoch.window.has(counterOf(nonce))) return "replayed"
    } else if (epochs === undefined ? this.#senders.size >= this.#sendersMax : epochs.length >= epochsPerSenderMax) {
      return "capacity"
    }
    return timestamp > this.ceiling ? "capacity" : "accepted"
  }

  /** Forgets every epoch that freshness alone already refuses, and raises the floor to its time. Returns how many. */
  sweep(now: number): number {
    const oldest = now - this.#pastMs()
    const before = this.#epochs
    for (const [sender, epochs] of this.#senders) {
      const kept = epochs.filter((epoch) => epoch.latest >= oldest)
      if (kept.length === epochs.length) continue
      for (const epoch of epochs) if (epoch.latest < oldest) this.#floor = Math.max(this.#floor, epoch.latest)
      this.#epochs -= epochs.length - kept.length
      if (kept.length === 0) this.#senders.delete(sender)
      else this.#senders.set(sender, kept)
    }
    return before - this.#epochs
  }

  /** How much is remembered; `bytes` counts the bitmaps. */
  status(): { readonly senders: number; readonly epochs: number; readonly bytes: number } {
    return { senders: this.#senders.size, epochs: this.#epochs, bytes: this.#epochs * windowBits / 8 }
  }

  #remember(sender: string, nonce: Uint8Array, timestamp: number): void {
    let epochs = this.#senders.get(sender)
    if (epochs === undefined) this.#senders.set(sender, epochs = [])
    let epoch = find(epochs, nonce)
    if (epoch === undefined) {
      epochs.push(epoch = new Epoch(nonce))
      this.#epochs++
    }
    epoch.window.add(counterOf(nonce))
    epoch.latest = Math.max(epoch.latest, timestamp)
    this.#latest = Math.max(this.#latest, timestamp)
  }

  #sweepIfDue(now: number): boolean {
    if (Math.abs(now - this.#sweptAt) < sweepIntervalMs) return false
    this.#sweptAt = now
    return this.sweep(now) > 0
  }
}

const find = (epochs: ReadonlyArray<Epoch>, nonce: Uint8Array): Epoch | undefined => {
  for (let i = 0; i < epochs.length; i++) {
    const epoch = epochs[i]!
    if (epoch.is(nonce)) return epoch
  }
  return undefined
}
