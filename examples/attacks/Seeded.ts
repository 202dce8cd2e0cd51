/** Numbers that repeat for a seed: every run meets the same traffic. splitmix32; nothing here must be unpredictable. */
export class Seeded {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0
    let z = this.#state ^ (this.#state >>> 16)
    z = Math.imul(z, 0x21f0_aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 0x1_0000_0000
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(values: ReadonlyArray<A>): A {
    return values[Math.floor(this.next() * values.length)]!
  }

  /** Like `pick`, the first ones far oftener than the last ones: people and places are not equally popular. */
  popular<A>(values: ReadonlyArray<A>): A {
    return values[Math.floor(this.next() ** 2.5 * values.length)]!
  }

  /** Around 1 with a long upper tail, as amounts and gaps between arrivals have. */
  logNormal(sigma: number): number {
    const gaussian = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
    return Math.exp(sigma * gaussian)
  }

  digits(length: number): string {
    return Array.from({ length }, () => String(this.int(0, 9))).join("")
  }

  letters(length: number): string {
    return Array.from({ length }, () => String.fromCharCode(97 + this.int(0, 25))).join("")
  }
}
