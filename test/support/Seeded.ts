/** A seeded source of random numbers (mulberry32): the same seed gives the same schedule. */
export const makeRandom = (seed: number) => {
  let state = seed >>> 0
  const next = (): number => {
    state = state + 0x6d2b79f5 >>> 0
    let t = Math.imul(state ^ state >>> 15, state | 1)
    t = t + Math.imul(t ^ t >>> 7, t | 61) ^ t
    return ((t ^ t >>> 14) >>> 0) / 0x1_0000_0000
  }
  const below = (n: number): number => Math.floor(next() * n)
  return {
    next,
    below,
    between: (min: number, max: number) => min + next() * (max - min),
    pick: <A>(values: ReadonlyArray<A>): A => values[below(values.length)]!,
    bytes: (length: number) => Uint8Array.from({ length }, () => below(256))
  }
}
export type SeededRandom = ReturnType<typeof makeRandom>
