/** A step back of at most this much (ms) is disorder within one recording: clocks of several threads or machines. */
export const disorderMs = 60_000

interface Recording {
  first: number
  last: number
  calls: number
  shift: number
}

/**
 * The times of each function as the models should see them: forwards. Where the times of a function step back (the test
 * lines are from the same days as the learning lines, or the files are not in order), a new recording begins, and
 * follows the ones before at their mean distance between calls: taken as they are, all its calls would fall into one
 * moment, and a long pause would be a pattern of our own making.
 */
export class TraceTimes {
  readonly #recordings = new Map<string, Recording>()

  /** The time of a call at `t` (epoch ms), in the order of the trace. */
  of(fn: string, t: number): number {
    const recording = this.#recordings.get(fn)
    if (recording === undefined) {
      this.#recordings.set(fn, { first: t, last: t, calls: 1, shift: 0 })
      return t
    }
    const { calls, first, last } = recording
    if (t + recording.shift < last - disorderMs) recording.shift = last + (last - first) / Math.max(1, calls - 1) - t
    const time = t + recording.shift
    if (time > last) recording.last = time
    recording.calls++
    return time
  }
}
