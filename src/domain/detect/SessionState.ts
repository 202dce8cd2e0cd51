import { FunctionSet } from "./FunctionSet.ts"

/** Calls remembered per session: a power of two above the longest context. */
const history = 16
export const historyMask = history - 1
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
  /** Functions called so far. */
  readonly functions = new FunctionSet()
  /** The moment of the last call, and how rare the functions were when it began (decades). */
  moment = -1
  rarity = 0
  rarityRank = 1
  /** Highest level of surprise at this moment, its rank, and the joint rank. */
  peak = 0
  surpriseRank = 1
  rank = 1
  /** Whether this moment was counted; moments that were, and the sum of -ln rank over them. */
  counted = false
  moments = 0
  unusual = 0
  /** The p-value that the session has now, whether it was told, the one last reported, and the least ever. */
  p = 1
  told = false
  reported = 1
  leastP = 1
  /** Calls that were allowed and wait to be learned, after those that are only their context. */
  readonly trail: Array<number> = []
  taught = 0
  /** Calls and functions learned. */
  learnedCalls = 0
  readonly learnedFunctions = new FunctionSet()
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
  state.symbols[state.calls & historyMask] = symbol
  state.calls++
  state.functions.add(symbol)
  if (state.names.length >= named) state.names.shift()
  state.names.push(name)
}

/** The last calls in words. */
export const before = (state: SessionState): string =>
  state.names.length === 0 ? "at the start" : `after ${state.names.join(", ")}`
