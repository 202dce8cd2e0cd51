import * as Schema from "effect/Schema"

/** State of the rate limiter: events in the last window, the functions over their limit, and what was refused. */
export const RateLimitStatus = Schema.Struct({
  globalRate: Schema.Finite,
  throttledFunctions: Schema.Array(Schema.String),
  droppedEvents: Schema.Int,
  throttlingActive: Schema.Boolean
})
export type RateLimitStatus = typeof RateLimitStatus.Type
