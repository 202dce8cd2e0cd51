import * as Gcra from "./Gcra.ts"

/** Most names with a bucket of their own: far more than an application wraps, and at 200 bytes each below 1 MB. */
export const namesMax = 4096
/** Buckets that all further names share by hash, so that neither memory nor the check grows with the number of names. */
export const sharedBuckets = 256
/**
 * How much of its fair share a function may use in one go, in ms of that share, while the global limit is used up.
 * Short, so that fairness adds at most a tenth of a second's tokens beyond the global burst.
 */
export const shareDepthMs = 100
/** Consecutive windows over its own limit after which a function is reported for review. */
export const offenderWindows = 10
/** Most names in the status: enough for a person to read. */
export const statusNamesMax = 100
/** Share of the base rate that is sampled while throttling was asked for and load alone does not lower it further. */
export const throttlingModeRate = 0.5

/** The limits in force: tokens per second, burst in tokens, the window of the load measurement in ms. */
export interface RateLimits {
  readonly globalPerSecond: number
  readonly perFunctionPerSecond: number
  readonly burst: number | "limit"
  readonly windowMs: number
  /** Load, as a fraction of the global limit, above which sampling is lowered. */
  readonly throttleThreshold: number
}

/** The state of one function, or of all that share a bucket. */
class Bucket {
  readonly name: string
  tat = 0
  shareTat = 0
  window = -1
  refusedWindow = -2
  windowsOver = 0

  constructor(name: string) {
    this.name = name
  }
}

/**
 * Limits per function and in all, in bounded memory.
 *
 * A call takes a token of its function and a global one, or neither. While the global tokens last, anyone may take them.
 * When they are used up, a function that is below its fair share (global limit / active functions) still gets its token,
 * on credit: the global bucket goes into debt, which is paid back before anyone exceeds a share again. So the rates add up
 * to the global limit, a flood of some functions never costs another one its share, and what all take in W seconds is at
 * most `global * W + 2 * burst` however names come and go; with a stable set of N names the credit is at most N tokens
 * and `shareDepthMs` of the global limit. The idea is that of the assured rate of hierarchical token buckets (Devera,
 * "HTB", 2002).
 */
export class RateTable {
  readonly #names = new Map<string, Bucket>()
  readonly #shared: Array<Bucket | undefined> = Array.from({ length: sharedBuckets }, () => undefined)
  readonly #hash: (name: string) => number
  readonly #onOffender: (name: string, windows: number) => void
  #limits: RateLimits
  #global: Gcra.GcraLimit
  #own: Gcra.GcraLimit
  #globalTat = 0
  #shareIntervalMs = 0
  #shareToleranceMs = 0
  #overdraftMs = 0
  #window = 0
  #windowEnd = 0
  #active = 0
  #activeBefore = 0
  #offered = 0
  #offeredBefore = 0
  #refused = 0
  #refusedBefore = 0
  #forced = false
  #quietEvents = 0
  #reclaimedWindow = -1

  constructor(
    limits: RateLimits,
    options: {
      readonly hash: (name: string) => number
      readonly onOffender: (name: string, windows: number) => void
    }
  ) {
    this.#hash = options.hash
    this.#onOffender = options.onOffender
    this.#limits = limits
    this.#own = Gcra.make(limits.perFunctionPerSecond, burstOf(limits, limits.perFunctionPerSecond))
    this.#global = Gcra.make(limits.globalPerSecond, burstOf(limits, limits.globalPerSecond))
    this.#derive()
  }

  /** The limits in force. */
  get limits(): RateLimits {
    return this.#limits
  }

  /** Changes the limits from `now` on: stored credit is clamped, see {@link Gcra.rescale}. */
  change(limits: RateLimits, now: number): void {
    const own = Gcra.make(limits.perFunctionPerSecond, burstOf(limits, limits.perFunctionPerSecond))
    const global = Gcra.make(limits.globalPerSecond, burstOf(limits, limits.globalPerSecond))
    for (const bucket of this.#names.values()) bucket.tat = Gcra.rescale(this.#own, own, bucket.tat, now)
    for (const bucket of this.#shared) {
      if (bucket !== undefined) bucket.tat = Gcra.rescale(this.#own, own, bucket.tat, now)
    }
    this.#globalTat = Gcra.rescale(this.#global, global, this.#globalTat, now)
    this.#limits = limits
    this.#own = own
    this.#global = global
    this.#windowEnd = Math.min(this.#windowEnd, now + limits.windowMs)
    this.#derive()
  }

  /** Takes one token of the function and one of the global limit at `now` (ms, any origin, never backwards), or none. */
  check(name: string, now: number): boolean {
    if (now >= this.#windowEnd) this.#rotate(now)
    const bucket = this.#names.get(name) ?? this.#admitName(name)
    if (bucket.window !== this.#window) this.#activate(bucket)
    this.#offered++
    if (bucket.tat - now > this.#own.toleranceMs) return this.#refuse(bucket)
    const ahead = this.#globalTat - now
    if (ahead > this.#global.toleranceMs) {
      if (bucket.shareTat - now > this.#shareToleranceMs || ahead > this.#overdraftMs) {
        this.#refused++
        return false
      }
    }
    bucket.tat = (bucket.tat > now ? bucket.tat : now) + this.#own.intervalMs
    this.#globalTat = (ahead > 0 ? this.#globalTat : now) + this.#global.intervalMs
    // What was borrowed from others beyond the share is not held against the function for longer than one interval.
    const share = (bucket.shareTat > now ? bucket.shareTat : now) + this.#shareIntervalMs
    const shareMax = now + this.#shareToleranceMs + this.#shareIntervalMs
    bucket.shareTat = share < shareMax ? share : shareMax
    return true
  }

  /** Load at `now` as a fraction of the global limit: what was offered over one window, sliding. */
  load(now: number): number {
    return this.#perWindow(now, this.#offered, this.#offeredBefore) * 1000 /
      (this.#limits.windowMs * this.#limits.globalPerSecond)
  }

  /** Whether load or an explicit request asks for throttling. */
  throttling(now: number): boolean {
    if (this.calm) return false
    if (now >= this.#windowEnd) this.#rotate(now)
    return this.#forced || this.load(now) > this.#limits.throttleThreshold
  }

  /** Whether throttling is certainly not needed: known without a clock, and the rule rather than the exception. */
  get calm(): boolean {
    return !this.#forced && this.#offered + this.#offeredBefore <= this.#quietEvents
  }

  /** The base rate, lowered in proportion to the load above the threshold. */
  adjusted(baseRate: number, now: number): number {
    if (!this.throttling(now)) return baseRate
    const load = this.load(now)
    const factor = load > this.#limits.throttleThreshold ? this.#limits.throttleThreshold / load : 1
    return baseRate * (this.#forced ? Math.min(factor, throttlingModeRate) : factor)
  }

  /** Throttles until one whole window has passed below the threshold. */
  force(now: number): void {
    if (now >= this.#windowEnd) this.#rotate(now)
    this.#forced = true
    this.#windowEnd = now + this.#limits.windowMs
  }

  /** What an operator sees at `now`: rates per second, refusals of this window and the one before. */
  status(now: number): {
    readonly globalRate: number
    readonly throttledFunctions: ReadonlyArray<string>
    readonly droppedEvents: number
    readonly throttlingActive: boolean
    readonly names: number
  } {
    if (now >= this.#windowEnd) this.#rotate(now)
    const throttled: Array<string> = []
    const note = (bucket: Bucket | undefined) => {
      if (bucket !== undefined && bucket.refusedWindow >= this.#window - 1 && throttled.length < statusNamesMax) {
        throttled.push(bucket.name)
      }
    }
    for (const bucket of this.#names.values()) note(bucket)
    for (const bucket of this.#shared) note(bucket)
    return {
      globalRate: this.#perWindow(now, this.#offered, this.#offeredBefore) * 1000 / this.#limits.windowMs,
      throttledFunctions: throttled,
      droppedEvents: this.#refused + this.#refusedBefore,
      throttlingActive: this.throttling(now),
      names: this.#names.size
    }
  }

  #perWindow(now: number, current: number, before: number): number {
    const left = Math.min(1, Math.max(0, (this.#windowEnd - now) / this.#limits.windowMs))
    return now >= this.#windowEnd + this.#limits.windowMs
      ? 0
      : now >= this.#windowEnd
      ? current
      : current + before * left
  }

  #refuse(bucket: Bucket): false {
    this.#refused++
    if (bucket.refusedWindow !== this.#window) {
      bucket.windowsOver = bucket.refusedWindow === this.#window - 1 ? bucket.windowsOver + 1 : 1
      bucket.refusedWindow = this.#window
      if (bucket.windowsOver % offenderWindows === 0) this.#onOffender(bucket.name, bucket.windowsOver)
    }
    return false
  }

  #activate(bucket: Bucket): void {
    bucket.window = this.#window
    this.#active++
    if (this.#active > this.#activeBefore) this.#deriveShare()
  }

  #rotate(now: number): void {
    const adjacent = now < this.#windowEnd + this.#limits.windowMs
    this.#activeBefore = adjacent ? this.#active : 0
    this.#offeredBefore = adjacent ? this.#offered : 0
    this.#refusedBefore = adjacent ? this.#refused : 0
    this.#active = 0
    this.#offered = 0
    this.#refused = 0
    // A gap must not look like two consecutive windows.
    this.#window += adjacent ? 1 : 2
    this.#windowEnd = adjacent ? this.#windowEnd + this.#limits.windowMs : now + this.#limits.windowMs
    if (this.#forced && this.#offeredBefore <= this.#quietEvents) this.#forced = false
    this.#deriveShare()
  }

  #derive(): void {
    const { globalPerSecond, throttleThreshold, windowMs } = this.#limits
    this.#quietEvents = Math.floor(globalPerSecond * windowMs / 1000 * throttleThreshold)
    this.#overdraftMs = this.#global.toleranceMs + this.#global.burst * this.#global.intervalMs
    this.#deriveShare()
  }

  #deriveShare(): void {
    const functions = Math.max(1, this.#active, this.#activeBefore)
    this.#shareIntervalMs = this.#global.intervalMs * functions
    this.#shareToleranceMs = Math.max(0, Math.min(shareDepthMs, this.#global.toleranceMs) - this.#shareIntervalMs) +
      Gcra.roundingSlackMs
  }

  #admitName(name: string): Bucket {
    if (this.#names.size >= namesMax && this.#reclaimedWindow !== this.#window) this.#reclaim()
    if (this.#names.size < namesMax) {
      const bucket = new Bucket(name)
      this.#names.set(name, bucket)
      return bucket
    }
    const slot = (this.#hash(name) >>> 0) % sharedBuckets
    return this.#shared[slot] ??= new Bucket(`(shared bucket ${slot})`)
  }

  /** Forgets names that are as good as new, at most once a window: their full credit is what a new name gets. */
  #reclaim(): void {
    this.#reclaimedWindow = this.#window
    const now = this.#windowEnd - this.#limits.windowMs
    for (const [name, bucket] of this.#names) {
      if (bucket.tat <= now && bucket.shareTat <= now && bucket.window < this.#window - 1) this.#names.delete(name)
    }
  }
}

const burstOf = (limits: RateLimits, perSecond: number): number =>
  limits.burst === "limit" ? Math.max(1, perSecond) : limits.burst
