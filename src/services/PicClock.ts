import * as Context from "effect/Context"

/**
 * Time for every component: epoch milliseconds with fractions, anchored once and advanced by the monotonic clock, so
 * that a step of the wall clock never moves it.
 */
export class PicClock extends Context.Service<PicClock, {
  /** Current time in epoch milliseconds; never goes backwards. */
  readonly nowUnsafe: () => number
}>()("effect-pic/services/PicClock") {}
