import { type BackpressureSignal, clear } from "../BackpressureSignal.ts"

/** The signal clears at this fraction of the threshold: the gap keeps it from flapping there. */
export const clearFraction = 0.75
/** Lowest rate that is ever recommended: an agent that sends nothing would never hear that the queue is empty again. */
export const recommendedRateMin = 0.05
/** Steps of utilisation that are told apart: signals are made once per step and reused. */
export const steps = 64

/** The rate recommended at a utilisation while backpressure is active: falls in a line, from 1 at the clearing level. */
export const recommendedRate = (utilization: number, threshold: number): number => {
  const clears = threshold * clearFraction
  const rate = (1 - utilization) / (1 - clears)
  return Math.min(1, Math.max(recommendedRateMin, rate))
}

/** Whether backpressure is active after `utilization` was seen. */
export const next = (active: boolean, utilization: number, threshold: number): boolean =>
  active ? utilization > threshold * clearFraction : utilization >= threshold

/** Turns utilisation into signals, with hysteresis. */
export class Backpressure {
  readonly #idle: Array<BackpressureSignal | undefined> = []
  readonly #active: Array<BackpressureSignal | undefined> = []
  #threshold = -1
  #on = false
  #activations = 0

  /** Whether backpressure is active. */
  get active(): boolean {
    return this.#on
  }

  /** How often it became active. */
  get activations(): number {
    return this.#activations
  }

  /** The signal after a utilisation in 0..1 was seen. */
  observe(utilization: number, threshold: number): BackpressureSignal {
    const before = this.#on
    this.#on = next(before, utilization, threshold)
    if (this.#on && !before) this.#activations++
    if (!this.#on && utilization === 0) return clear
    if (threshold !== this.#threshold) {
      this.#threshold = threshold
      this.#active.length = 0
    }
    const step = Math.min(steps, Math.max(0, Math.ceil(utilization * steps)))
    return (this.#on ? this.#active : this.#idle)[step] ??= this.#make(step / steps)
  }

  #make(utilization: number): BackpressureSignal {
    return this.#on
      ? {
        active: true,
        recommendedRate: recommendedRate(utilization, this.#threshold),
        queueUtilization: utilization,
        reason: `the event queue is ${Math.round(utilization * 100)} % full`
      }
      : { active: false, recommendedRate: 1, queueUtilization: utilization, reason: "" }
  }
}
