import { gramsMax, shapeLengthMax } from "../CallFeatures.ts"
import type { KeyedHash } from "../keys/KeyedHash.ts"
import {
  classOf,
  confusable,
  digit,
  digits,
  letter,
  letters,
  lookalikesFrom,
  mixed,
  mixesScripts,
  repeat,
  signSymbol
} from "./Symbols.ts"

/** Most characters of one string that are read: of a longer one the head and the tail (its size stays exact). */
export const charactersMax = 8192
const headCharacters = 6144
/** Entries of the memo of gram buckets: the trigrams of ordinary text repeat, and a keyed hash costs 30 ns. */
const gramMemo = 8192
/** Entries of the memo of shape strings: most values of an application share a few hundred shapes. */
const shapeMemo = 512
/** Longest run that a mask tells apart. */
const runMax = 255
/** Runs that a mask looks at: fixed formats are short. */
const maskRunsMax = 64
const windowMemo = 1024

/** The form of a string, as {@link StringDescriber.describe} leaves it. */
export interface StringForm {
  shape: string
  mask: number
  value: number
  grams: ReadonlyArray<number>
  truncated: boolean
}

const emptyGrams: ReadonlyArray<number> = []

/**
 * Describes strings by form. One instance per agent: it holds the key and scratch memory, so that describing a short
 * string allocates only its gram list.
 */
export class StringDescriber {
  /** The result of the last call of `describe`; overwritten by the next. */
  readonly form: StringForm = { shape: "", mask: 0, value: 0, grams: emptyGrams, truncated: false }
  readonly #hash: KeyedHash
  readonly #symbols = new Uint8Array(2 * charactersMax + 2)
  readonly #runs = new Int32Array(maskRunsMax)
  readonly #buckets = new Uint16Array(charactersMax + 2)
  readonly #gramKeys = new Int32Array(gramMemo).fill(-1)
  readonly #gramBuckets = new Uint16Array(gramMemo)
  readonly #shapes: Array<string> = Array.from({ length: shapeMemo }, () => "")

  constructor(hash: KeyedHash) {
    this.#hash = hash
  }

  /** Describes `text`; the answer is in {@link form}. */
  describe(text: string): void {
    const form = this.form
    form.truncated = text.length > charactersMax
    const read = form.truncated
      ? text.slice(0, headCharacters) + text.slice(text.length - (charactersMax - headCharacters))
      : text
    form.value = this.#hash.string(read) || 1
    this.#describeRuns(read)
    this.#describeGrams(read)
  }

  /** One pass over the runs of letters, digits and equal signs: the shape symbols and the mask. */
  #describeRuns(text: string): void {
    const symbols = this.#symbols
    const runs = this.#runs
    const length = text.length
    let count = 0
    let runCount = 0
    let hash = 0x811c9dc5
    let i = 0
    while (i < length) {
      const code = text.charCodeAt(i)
      let kind = classOf(text, i, code)
      const start = i
      let bits = code
      let symbol: number
      if (kind === 0) {
        symbol = signSymbol(code)
        i++
        while (i < length) {
          const next = text.charCodeAt(i)
          if (next !== code && (next < 128 || symbol < 128 || classOf(text, i, next) !== 0)) break
          i++
        }
        if (runCount < maskRunsMax) runs[runCount++] = (symbol << 8) | Math.min(i - start, runMax)
      } else {
        symbol = kind === 1 ? letters : digits
        i++
        while (i < length) {
          const letterOrDigit = text.charCodeAt(i)
          const next = classOf(text, i, letterOrDigit)
          if (next !== kind) {
            if (next === 0) break
            symbol = mixed
          }
          bits |= letterOrDigit
          i++
        }
        if (runCount < maskRunsMax) runs[runCount++] = (1 << 16) | Math.min(i - start, runMax)
        if (i - start === 1) symbol = kind === 1 ? letter : digit
      }
      if (bits >= lookalikesFrom && mixesScripts(text, start, i)) symbol = confusable
      symbols[count++] = symbol
      hash = Math.imul(hash ^ symbol, 0x01000193)
      for (let marks = kind === 0 ? repeatMarks(i - start) : lengthMarks(i - start); marks > 0; marks--) {
        symbols[count++] = repeat
        hash = Math.imul(hash ^ repeat, 0x01000193)
      }
    }
    this.form.mask = this.#hash.words(runs, runCount) || 1
    this.form.shape = count > shapeLengthMax ? this.#condensed(count) : this.#shapeString(count, hash)
  }

  /** The shape string of the first `count` symbols, from the memo where it is the one kept there. */
  #shapeString(count: number, hash: number): string {
    const symbols = this.#symbols
    const at = (hash ^ (hash >>> 15)) & (shapeMemo - 1)
    const kept = this.#shapes[at]!
    if (kept.length === count) {
      let same = 0
      while (same < count && kept.charCodeAt(same) === symbols[same]) same++
      if (same === count) return kept
    }
    return this.#shapes[at] = String.fromCharCode.apply(null, symbols.subarray(0, count) as unknown as Array<number>)
  }

  /**
   * A shape that is too long loses the symbols whose window of four was seen before in the same string: padding a value
   * with ordinary text cannot push an odd part out of the description.
   */
  #condensed(count: number): string {
    const symbols = this.#symbols
    const seen = new Int32Array(windowMemo)
    let window = 0
    let kept = 0
    for (let i = 0; i < count && kept < shapeLengthMax; i++) {
      window = (window << 8) | symbols[i]!
      const at = Math.imul(window, 0x9e3779b1) >>> 22
      if (i >= 4 && seen[at] === window) continue
      seen[at] = window
      symbols[kept++] = symbols[i]!
    }
    this.form.truncated = true
    return String.fromCharCode.apply(null, symbols.subarray(0, kept) as unknown as Array<number>)
  }

  /** Buckets of the character 3-grams, letters in lower case, every digit as `0`, both ends marked; sorted, distinct. */
  #describeGrams(text: string): void {
    const length = text.length
    if (length === 0) {
      this.form.grams = emptyGrams
      return
    }
    const buckets = this.#buckets
    let count = 0
    let first = 2
    let second = 2
    for (let i = 0; i <= length; i++) {
      let code = 3
      if (i < length) {
        code = text.charCodeAt(i)
        if (code >= 0x41 && code <= 0x5a) code += 32
        else if (code >= 0x30 && code <= 0x39) code = 0x30
      }
      if (i > 0) {
        buckets[count++] = first < 128 && second < 128 && code < 128
          ? this.#asciiBucket((first << 14) | (second << 7) | code)
          : this.#hash.pair((first << 16) | second, code)
      }
      first = second
      second = code
    }
    this.form.grams = sortedDistinct(buckets, count)
  }

  #asciiBucket(gram: number): number {
    const at = Math.imul(gram, 0x9e3779b1) >>> 19
    if (this.#gramKeys[at] === gram) return this.#gramBuckets[at]!
    this.#gramKeys[at] = gram
    return this.#gramBuckets[at] = this.#hash.pair(gram, 0x67726d33)
  }
}

/** How a run of one sign is marked: not, for two, for a few, for many. */
const repeatMarks = (length: number): number => length < 2 ? 0 : length < 3 ? 1 : length < 8 ? 2 : 3

/** How a run of letters and digits is marked: longer than any word, longer than any code. */
const lengthMarks = (length: number): number => length < 48 ? 0 : length < 256 ? 1 : 2

/** Sorts, removes duplicates; of too many keeps the smallest buckets, a sample that the key makes unpredictable. */
const sortedDistinct = (buckets: Uint16Array, count: number): ReadonlyArray<number> => {
  if (count <= 48) {
    for (let i = 1; i < count; i++) {
      const bucket = buckets[i]!
      let j = i - 1
      while (j >= 0 && buckets[j]! > bucket) {
        buckets[j + 1] = buckets[j]!
        j--
      }
      buckets[j + 1] = bucket
    }
  } else {
    buckets.subarray(0, count).sort()
  }
  let distinct = 0
  for (let i = 0; i < count && distinct < gramsMax; i++) {
    const bucket = buckets[i]!
    if (distinct === 0 || bucket !== buckets[distinct - 1]) buckets[distinct++] = bucket
  }
  const grams = new Array<number>(distinct)
  for (let i = 0; i < distinct; i++) grams[i] = buckets[i]!
  return grams
}
