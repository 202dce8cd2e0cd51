import type { Arena } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { Calibration } from "./Calibration.ts"

/** Moments of a session: 1, 2, 4, ... calls. Longer sessions stay in the last one. */
export const momentsMax = 14
/** Fewest sessions that calibrate a moment: what fewer say is left to the moment before. */
const pointsMin = 8
/** Calls after which what a session shows has half its full weight. */
const halfCalls = 32

/** The weight of evidence at a moment. */
const weightOf = (moment: number): number => 2 ** moment / (2 ** moment + halfCalls)

/** Whether a session begins a new moment with its nth call. */
export const isMoment = (calls: number): boolean => (calls & (calls - 1)) === 0

/**
 * How unusual sessions are, moment by moment: the ranks of a session's surprise and of the rarity of its functions among
 * those of normal sessions that were as long. Sessions of eight calls and of a thousand are not alike.
 *
 * The two ranks make one by their product (Fisher 1925). Each moment is another chance of a false alarm, and the chances
 * are spent so that later moments, which have seen more, weigh more: with weights w, the evidence w * -log p of a moment
 * is compared with that of all moments that normal sessions have (weighted tests: Genovese, Roeder and Wasserman 2006).
 */
export class Moments {
  readonly #surprises: ReadonlyArray<Calibration>
  readonly #rarities: ReadonlyArray<Calibration>
  /** The last moment that is calibrated; -1: none, or still learning. */
  #last = -1
  /** Of all moments of normal sessions, the share that each has. */
  readonly #shares: Array<number> = []

  constructor(arena: Arena) {
    const samples = () => Array.from({ length: momentsMax }, () => new Calibration(arena))
    this.#surprises = samples()
    this.#rarities = samples()
  }

  /** Whether learning ended, so that sessions are ranked. */
  get frozen(): boolean {
    return this.#surprises[0]!.frozen
  }

  /** Sessions counted in the newest quarter, each at all its moments. */
  get size(): number {
    return this.#surprises.reduce((sum, sample) => sum + sample.size, 0)
  }

  /** The moment of a session with so many calls; -1 where nothing is known. */
  at(calls: number): number {
    const moment = Math.min(momentsMax - 1, 31 - Math.clz32(calls))
    return this.frozen ? Math.min(moment, this.#last) : moment
  }

  /** Adds a normal session's most surprise and its rarity at a moment (decades). */
  push(moment: number, surprise: number, rarity: number): void {
    this.#surprises[moment]!.push(surprise)
    this.#rarities[moment]!.push(rarity)
  }

  /** The rank of a surprise among those of normal sessions at the same moment. */
  surprise(moment: number, value: number): number {
    return rankIn(this.#surprises[moment], value)
  }

  /** The rank of a rarity. */
  rarity(moment: number, value: number): number {
    return rankIn(this.#rarities[moment], value)
  }

  /** The p-value of a joint rank at a moment, among all moments of normal sessions. */
  pValue(moment: number, rank: number): number {
    if (moment < 0) return 1
    const evidence = weightOf(moment) * Math.log(rank)
    let p = 0
    for (let i = 0; i <= this.#last; i++) p += this.#shares[i]! * Math.exp(evidence / weightOf(i))
    return Math.min(1, p)
  }

  /** Ends learning. */
  freeze(): void {
    for (const sample of [...this.#surprises, ...this.#rarities]) sample.freeze()
    this.#last = this.#surprises.findLastIndex((sample) => sample.size >= pointsMin)
    const counted = this.#surprises.slice(0, this.#last + 1)
    const all = counted.reduce((sum, sample) => sum + sample.size, 0)
    for (const [i, sample] of counted.entries()) this.#shares[i] = sample.size / all
  }

  write(writer: Writer): void {
    for (const sample of [...this.#surprises, ...this.#rarities]) sample.write(writer)
  }

  read(reader: Reader): void {
    for (const sample of [...this.#surprises, ...this.#rarities]) sample.read(reader)
    if (this.frozen) this.freeze()
  }
}

/** The rank of two independent ranks together: how often their product would be as small by chance. */
export const together = (a: number, b: number): number => {
  const product = a * b
  return product * (1 - Math.log(product))
}

/** The rank of a value; 1 while learning. */
const rankIn = (calibration: Calibration | undefined, value: number): number =>
  calibration?.frozen === true ? calibration.sample.tail(value).p : 1
