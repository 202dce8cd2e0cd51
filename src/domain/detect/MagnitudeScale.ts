import { endWords } from "./Extremes.ts"

/**
 * Numbers whose level is followed over time may leave the learned range by this factor, or by this many times its width,
 * before it counts: a level of 20 to 30 that passes zero is nothing by a factor, and next to nothing by width.
 */
const followedFactor = 10
/** The same on the scale of {@link logScale}. */
export const followedMargin = Math.log(followedFactor)

/** Numbers on a scale where equal ratios are equal steps, both signs. */
export const logScale = (value: number): number => Math.sign(value) * Math.log1p(Math.abs(value))

/** The number of which {@link logScale} made this. */
const linear = (value: number): number => Math.sign(value) * Math.expm1(Math.abs(value))

/** The same in words. */
export const unscale = (value: number): string => Number(linear(value).toPrecision(3)).toString()

/** Whether a number lies near the range between both ends at `at`, measured by its width. */
export const withinWidths = (ends: Float32Array, at: number, value: number): boolean => {
  const top = linear(ends[at]!)
  const bottom = linear(-ends[at + endWords]!)
  const room = followedFactor * (top - bottom)
  return value <= top + room && value >= bottom - room
}
