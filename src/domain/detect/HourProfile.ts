/** Hours of the two cycles that loads made by people follow. */
const cycles = [24, 168] as const
const hourMs = 3_600_000
/** Weight of the newest hour in the profile: a new habit is known after four days, or weeks. */
const newest = 0.25
/** Hours over which the level is averaged that the profile is relative to. */
const levelHours = 24

/** The clock: the current hour (since 1970), its calls and their mean, hours so far, and the mean of the last day. */
const hour = 0
const calls = 1
const mean = 2
const hours = 3
const level = 4
/** Words of the clock, which every number has. */
export const clockWords = 5
/** The profile: what is expected in the current hour, by day and by week; then the hours of the day and of the week. */
const slots = cycles.length
/** Words of the profile, which only a number has that was seen in two hours. */
export const profileWords = slots + cycles[0] + cycles[1]

/** Says that no hour was ever seen. */
export const clearProfile = (floats: Float32Array, profile: number): void => {
  floats.fill(Number.NaN, profile, profile + profileWords)
}

/** The number of the hour of a time. */
export const hourOf = (time: number): number => Math.floor(time / hourMs) >>> 0

/** Whether an hour with values has ended. */
export const hourEnded = (words: Uint32Array, clock: number, now: number): boolean =>
  words[clock + hour] !== now && words[clock + calls]! > 0

/** Learns the mean of the hour that ended, as its distance from the day before it, and turns to the hour `now`. */
export const turnHour = (
  words: Uint32Array,
  floats: Float32Array,
  clock: number,
  profile: number,
  now: number
): void => {
  const ended = words[clock + hour]!
  const past = words[clock + hours]!
  const before = past === 0 ? floats[clock + mean]! : floats[clock + level]!
  const distance = floats[clock + mean]! - before
  words[clock + hours] = past + 1
  floats[clock + level] = before + distance / Math.min(past + 1, levelHours)
  words[clock + calls] = 0
  let cycle = profile + slots
  for (let c = 0; c < cycles.length; c++) {
    const hoursOf = cycles[c]!
    const at = cycle + ended % hoursOf
    const known = floats[at]!
    floats[at] = Number.isNaN(known) ? distance : known + (distance - known) * newest
    floats[profile + c] = floats[clock + level]! + floats[cycle + now % hoursOf]!
    cycle += hoursOf
  }
}

/** What the current hour lets expect, by the hours of the day (`cycle` 0) or of the week (1); `NaN` where it is new. */
export const expectedIn = (floats: Float32Array, profile: number, cycle: number): number => floats[profile + cycle]!

/** Adds a value to the mean of its hour. */
export const pushHour = (words: Uint32Array, floats: Float32Array, clock: number, now: number, value: number): void => {
  words[clock + hour] = now
  const count = words[clock + calls] = words[clock + calls]! + 1
  floats[clock + mean] = count === 1 ? value : floats[clock + mean]! + (value - floats[clock + mean]!) / count
}
