/**
 * A rate as the generic cell rate algorithm sees it: one token every `intervalMs`, and a depth of `burst` tokens.
 *
 * Source: ITU-T I.371, annex A (virtual scheduling). The whole state of one rate is its theoretical arrival time (TAT) in
 * milliseconds: how far the TAT lies ahead of now is what was used, so nothing needs refilling.
 */
export interface GcraLimit {
  readonly intervalMs: number
  readonly burst: number
  /** How far the TAT may lie ahead of now: `(burst - 1)` intervals. */
  readonly toleranceMs: number
}

/**
 * Slack for rounding, in milliseconds: a caller that spaces its calls exactly one interval apart must not be refused for
 * the last bit of a sum. It does not accumulate, because the TAT advances by whole intervals.
 */
export const roundingSlackMs = 1e-6

/** A limit from tokens per second and burst. A burst below one token would never admit anything: it counts as one. */
export const make = (perSecond: number, burst: number): GcraLimit => {
  if (!(perSecond > 0) || !Number.isFinite(perSecond)) {
    throw new RangeError(`perSecond must be positive, got ${perSecond}`)
  }
  if (!(burst > 0) || !Number.isFinite(burst)) throw new RangeError(`burst must be positive, got ${burst}`)
  const intervalMs = 1000 / perSecond
  const depth = Math.max(1, burst)
  return { intervalMs, burst: depth, toleranceMs: (depth - 1) * intervalMs + roundingSlackMs }
}

/** Whether one token may be taken at `now`. */
export const conforms = (limit: GcraLimit, tat: number, now: number): boolean => tat - now <= limit.toleranceMs

/** The TAT after one token was taken at `now`. */
export const take = (limit: GcraLimit, tat: number, now: number): number => (tat > now ? tat : now) + limit.intervalMs

/** Tokens that could be taken at once at `now`, with fraction; negative where tokens were taken on credit. */
export const credit = (limit: GcraLimit, tat: number, now: number): number =>
  limit.burst - Math.max(0, tat - now) / limit.intervalMs

/**
 * The TAT under a changed limit: stored credit is carried over in tokens and clamped to the new burst, and what was used
 * beyond the burst is forgiven but for the wait of one interval, so that a cut takes effect at once and no longer.
 */
export const rescale = (from: GcraLimit, to: GcraLimit, tat: number, now: number): number => {
  const kept = Math.min(Math.max(credit(from, tat, now), 0), to.burst)
  return now + (to.burst - kept) * to.intervalMs
}
