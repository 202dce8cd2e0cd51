/** Subjects whose pace is followed at once, over all functions; a power of two. */
const places = 8192
/** Places that a subject may have; the slowest one in them makes room. */
const ways = 4
/** Time constant (ms) of the decay: a level is about the number of calls in this time. */
const decayMs = 10_000

/**
 * How many calls each subject made of each function of late: decaying counts in a table of fixed size. A subject that
 * calls often keeps its place against any number of others.
 *
 * Source: exponentially decayed counting (Cohen and Strauss, PODS 2003).
 */
export class SubjectRates {
  /** Made when the first subject comes: many applications name none. */
  #keys = new Uint32Array(0)
  #levels = new Float32Array(0)
  #times = new Uint32Array(0)

  get bytes(): number {
    return 3 * this.#keys.byteLength
  }

  /** Counts a call of a subject at `now` (epoch ms), and answers its level. `seed` tells functions apart. */
  count(subject: string, seed: number, now: number): number {
    if (this.#keys.length === 0) {
      this.#keys = new Uint32Array(places)
      this.#levels = new Float32Array(places)
      this.#times = new Uint32Array(places)
    }
    const key = keyOf(subject, seed)
    const time = Math.floor(now) >>> 0
    const base = (key & (places / ways - 1)) * ways
    let slowest = base
    let least = Infinity
    for (let at = base; at < base + ways; at++) {
      const level = this.#levels[at]! * Math.exp(-Math.max(0, (time - this.#times[at]!) | 0) / decayMs)
      if (this.#keys[at] === key) return this.#set(at, key, time, level + 1)
      if (level >= least) continue
      least = level
      slowest = at
    }
    return this.#set(slowest, key, time, 1)
  }

  #set(at: number, key: number, time: number, level: number): number {
    this.#keys[at] = key
    this.#times[at] = time
    return this.#levels[at] = level
  }
}

/** Subjects are keyed hashes already; this only folds them into a word. */
const keyOf = (subject: string, seed: number): number => {
  let hash = Math.imul(seed ^ 0x811c9dc5, 0x9e3779b1)
  for (let i = 0; i < subject.length; i++) hash = Math.imul(hash ^ subject.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  return (Math.imul(hash, 0x85ebca6b) >>> 0) || 1
}
