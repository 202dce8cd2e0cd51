import type { AlertKind } from "../Alert.ts"

/** Alerts of one kind that pass in one minute: more than a person reads, few enough that a flood stays readable. */
export const perMinuteMax = 10
/** Longest message of an alert, in UTF-16 code units. */
export const messageLengthMax = 512
const minuteMs = 60_000

interface Kind {
  since: number
  passed: number
  held: number
}

/** Bounds how many alerts of a kind pass; the next one that passes says how many were held back. */
export class AlertGate {
  readonly #kinds = new Map<AlertKind, Kind>()

  /** The message to publish at `now` (ms), or `undefined` where this one is held back. */
  admit(kind: AlertKind, message: string, now: number): string | undefined {
    let state = this.#kinds.get(kind)
    if (state === undefined) this.#kinds.set(kind, state = { since: now, passed: 0, held: 0 })
    if (now - state.since >= minuteMs) {
      state.since = now
      state.passed = 0
    }
    if (state.passed >= perMinuteMax) {
      state.held++
      return undefined
    }
    state.passed++
    const text = message.slice(0, messageLengthMax)
    const held = state.held
    state.held = 0
    return held === 0 ? text : `${text} (and ${held} more before it)`
  }
}
