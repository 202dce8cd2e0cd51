import type { BackpressureSignal } from "../BackpressureSignal.ts"

/**
 * A signal binds this long, in ms. Where an agent is asked to send next to nothing it may hear no newer signal, and
 * must find out by itself that the brain has recovered.
 */
export const signalAgeMsMax = 10_000
/** Weight of the newest round trip in the moving average: about the last twenty count. */
export const latencyWeight = 0.1
/** Fewest round trips before latency counts as persistently high. */
export const latencySamplesMin = 20
/** A latency average that no call has confirmed for this long, in ms, is forgotten. */
export const latencyAgeMsMax = 5_000
/** Share of the rate that is kept while a component asked to send less. */
export const reducedShare = 0.5
/** How long such a request holds after it was last made, in ms. */
export const reducedMs = 5_000
/** Lowest factor of our own making: some calls stay analysed, so that it is noticed when things are better. */
export const factorMin = 0.05
/** Share of `limits.memory_mb` from which health warns. */
export const memoryWarnShare = 0.8
/** Largest step by which the CPU factor grows back per measurement: faster, it would swing around the cap. */
const cpuRestoreStep = 1.25

/** Bounds and measurements for one adjustment. */
export interface Resources {
  readonly memoryMb: number
  readonly memoryMbMax: number
  /** Fraction of one core since the last measurement. */
  readonly cpuShare: number
  readonly cpuShareWarn: number
  readonly cpuCap: number | "off"
}

/**
 * What lowers the sampling rate, and by how much. Nothing here keeps a rate down for good: every cause either goes away
 * by measurement or by time.
 */
export class SamplingRate {
  #cap = 1
  #capAt = 0
  #capReason = ""
  #latency = 0
  #latencySamples = 0
  #latencyAt = 0
  #latencyFactor = 1
  #latencyFresh = false
  #reduced = false
  #reducedUntil = -Infinity
  #reducedReason = ""
  #memoryFactor = 1
  #cpuFactor = 1
  #warnings: Array<string> = []
  #factor = 1

  /** Highest rate that the brain allows now. */
  get cap(): number {
    return this.#cap
  }

  /** Product of our own adjustments. */
  get factor(): number {
    return this.#factor
  }

  /** Obeys a signal of the brain, for the next call on. */
  signal(signal: BackpressureSignal, now: number): void {
    this.#cap = signal.active ? Math.min(1, Math.max(0, signal.recommendedRate)) : 1
    this.#capAt = now
    this.#capReason = signal.reason
  }

  /** Feeds a round trip in ms. Takes no time: it is called for every decision, and the tick dates it well enough. */
  latency(ms: number, timeoutMs: number): void {
    if (!(ms >= 0)) return
    this.#latencySamples++
    this.#latencyFresh = true
    this.#latency = this.#latencySamples === 1 ? ms : this.#latency + latencyWeight * (ms - this.#latency)
    const high = this.#latencySamples >= latencySamplesMin && this.#latency > timeoutMs
    if (high || this.#latencyFactor < 1) {
      this.#latencyFactor = high ? Math.max(factorMin, timeoutMs / this.#latency) : 1
      this.#combine()
    }
  }

  /** Cuts the rate for a while. */
  reduce(reason: string, now: number): void {
    this.#reducedUntil = now + reducedMs
    this.#reducedReason = reason
    this.#reduced = true
    this.#combine()
  }

  /** Looks at the clock and at our own use of the machine: to be called every few hundred ms. */
  tick(now: number, resources: Resources): void {
    if (now - this.#capAt > signalAgeMsMax) this.#cap = 1
    if (this.#latencyFresh) this.#latencyAt = now
    else if (now - this.#latencyAt > latencyAgeMsMax) {
      this.#latencySamples = 0
      this.#latencyFactor = 1
    }
    this.#latencyFresh = false
    this.#reduced = now < this.#reducedUntil
    const { cpuCap, cpuShare, cpuShareWarn, memoryMb, memoryMbMax } = resources
    this.#memoryFactor = memoryMb > memoryMbMax ? Math.max(factorMin, (memoryMbMax / memoryMb) ** 4) : 1
    this.#cpuFactor = cpuCap === "off"
      ? 1
      : Math.min(1, Math.max(factorMin, this.#cpuFactor * Math.min(cpuRestoreStep, cpuCap / Math.max(cpuShare, 1e-9))))
    this.#warnings = []
    if (memoryMb > memoryMbMax * memoryWarnShare) {
      this.#warnings.push(`effect-pic uses ${memoryMb.toFixed(0)} of ${memoryMbMax} MB`)
    }
    if (cpuShare > cpuShareWarn) {
      this.#warnings.push(`effect-pic uses more than ${(cpuShareWarn * 100).toFixed(0)} % of a core`)
    }
    this.#combine()
  }

  /** What lowers the rate now, in words. */
  get reasons(): ReadonlyArray<string> {
    const reasons: Array<string> = []
    if (this.#cap < 1) reasons.push(`backpressure: ${this.#capReason}`)
    if (this.#latencyFactor < 1) reasons.push(`round trips take ${this.#latency.toFixed(1)} ms on average`)
    if (this.#reduced) reasons.push(this.#reducedReason)
    if (this.#memoryFactor < 1) reasons.push("memory above limits.memory_mb")
    if (this.#cpuFactor < 1) reasons.push("processor time above limits.cpu_cap")
    return reasons
  }

  /** What is near its limit without lowering the rate. */
  get warnings(): ReadonlyArray<string> {
    return this.#warnings
  }

  #combine(): void {
    const reduced = this.#reduced ? reducedShare : 1
    this.#factor = Math.max(factorMin, this.#latencyFactor * reduced * this.#memoryFactor * this.#cpuFactor)
  }
}
