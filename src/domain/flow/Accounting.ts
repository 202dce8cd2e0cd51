/** The bucket that a call ends in. Every call ends in exactly one. */
export type Bucket = "analysed" | "cached" | "sampledOut" | "throttled" | "shed" | "failed"

/** The counters of an agent at one moment. `offered` equals the sum of all others, exactly. */
export interface Accounting {
  readonly offered: number
  readonly analysed: number
  readonly cached: number
  readonly sampledOut: number
  readonly throttled: number
  readonly shed: number
  readonly failed: number
  readonly inFlight: number
}

/** Counts calls as they enter and leave; `inFlight` is counted on its own, so that the identity can be checked. */
export class Ledger {
  offered = 0
  analysed = 0
  cached = 0
  sampledOut = 0
  throttled = 0
  shed = 0
  failed = 0
  inFlight = 0

  /** A call is offered; its bucket is not known yet. */
  enter(): void {
    this.offered++
    this.inFlight++
  }

  /** A call that was offered reaches its bucket. */
  settle(bucket: Bucket): void {
    this.inFlight--
    this[bucket]++
  }

  /** A copy of the counters. */
  snapshot(): Accounting {
    const { analysed, cached, failed, inFlight, offered, sampledOut, shed, throttled } = this
    return { offered, analysed, cached, sampledOut, throttled, shed, failed, inFlight }
  }
}

/** Whether every call is accounted for. */
export const balanced = (a: Accounting): boolean =>
  a.offered === a.analysed + a.cached + a.sampledOut + a.throttled + a.shed + a.failed + a.inFlight
