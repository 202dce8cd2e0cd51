/** Calls remembered per session: a power of two above the longest context. */
const history = 16
/** Calls named in an explanation. */
const named = 3

/** What is remembered of a session in progress. */
export class SessionState {
  readonly symbols = new Uint32Array(history)
  /** Names of the last calls, oldest first. */
  readonly names: Array<string> = []
  calls = 0
  /** Sum of the surprise of all calls, and of the last one, in nats. */
  sum = 0
  surprise = 0
  /** The share of normal sessions that are as surprising, now and at the worst moment. */
  p = 1
  leastP = 1
  /** Mean surprise when the session was last reported. */
  reported = 0
  /** Calls that were allowed and wait to be learned, after those that are only their context. */
  readonly trail: Array<number> = []
  taught = 0
  /** Sessions that had begun at the last of them. */
  begun = 0
  /** Mean surprise so far, with the prior. */
  level = 0
  /** The most surprising call: how surprising, which one, and in words. */
  worst = 0
  worstAt = 0
  words = ""
}

/** Adds a call. */
export const remember = (state: SessionState, symbol: number, name: string): void => {
  state.symbols[state.calls & (history - 1)] = symbol
  state.calls++
  if (state.names.length >= named) state.names.shift()
  state.names.push(name)
}

/** The last calls in words. */
export const before = (state: SessionState): string =>
  state.names.length === 0 ? "at the start" : `after ${state.names.join(", ")}`
