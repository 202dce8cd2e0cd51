import { type Arena, type Block, writeBlock } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { bitsOf, type FunctionSet, setWords } from "./FunctionSet.ts"
import { momentsMax } from "./Moments.ts"

/** Words of a known set: its bits, then how often it was seen and how large it is. */
const entryWords = setWords + 1
const sizeBits = 8
const sizeMask = (1 << sizeBits) - 1
/**
 * Different sets known per moment: 2 KiB, and 28 KiB for all moments together. What is known is what is common or recent:
 * with room for every set, those that one normal session ever had would excuse whoever is like it.
 */
const setsMax = 64
const setsMin = 8
/** Sets that share this much less of their functions are alike by a factor of e less. */
const reach = 0.2
/** Sets that share less than this much count as strangers: their likeness is below 5 %. */
const shareMin = 0.4
/** Sessions that any set is taken to have had, seen or not (rule of succession). */
const unseen = 1

/**
 * Which functions normal sessions call: the sets of functions that they had called after 1, 2, 4, 8, ... calls, and so how
 * rare the set of another session is at the same moment. A session may do familiar steps only and still do what no normal
 * session does with them: few functions over and over, or those of different kinds of users together.
 *
 * The density of normal sets around the given one, with an exponential kernel on the Jaccard distance (Parzen 1962;
 * Jaccard 1901). Sets that are equal are kept once.
 */
export class Repertoire {
  readonly #arena: Arena
  readonly #moments: Array<Block | undefined> = []

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Nats by which a set is rarer than one that every normal session has. */
  rarity(moment: number, set: FunctionSet): number {
    const block = this.#moments[moment]
    if (block === undefined) return 0
    const { at, size, words } = block
    let alike = unseen
    let total = unseen
    for (let entry = at; entry < at + size; entry += entryWords) {
      const tag = words[entry + setWords]!
      if (tag === 0) break
      const seen = tag >>> sizeBits
      total += seen
      const most = Math.max(set.size, tag & sizeMask)
      if (Math.min(set.size, tag & sizeMask) < shareMin * most) continue
      let common = 0
      for (let i = 0; i < setWords; i++) common += bitsOf(words[entry + i]! & set.words[i]!)
      const shared = common / (set.size + (tag & sizeMask) - common)
      if (shared >= shareMin) alike += seen * Math.exp((shared - 1) / reach)
    }
    return Math.log(total / alike)
  }

  /** Adds the set that a normal session had at a moment. */
  learn(moment: number, set: FunctionSet): void {
    let block = this.#moments[moment] ??= this.#arena.allocate(setsMin * entryWords)
    for (let at = 0;; at += entryWords) {
      if (at >= setsMax * entryWords) at = makeRoom(block)
      else if (at >= block.size) block = this.#moments[moment] = this.#arena.grow(block, 2 * block.size)
      const entry = block.at + at
      const tag = block.words[entry + setWords]!
      if (tag === 0) {
        block.words.set(set.words, entry)
        block.words[entry + setWords] = (1 << sizeBits) | set.size
        return
      }
      if ((tag & sizeMask) === set.size && isSame(block.words, entry, set.words)) {
        if (tag >>> sizeBits < seenMax) block.words[entry + setWords] = tag + (1 << sizeBits)
        return
      }
    }
  }

  write(writer: Writer): void {
    for (let moment = 0; moment < momentsMax; moment++) {
      const block = this.#moments[moment]
      writer.u32(block === undefined ? 0 : 1)
      if (block !== undefined) writeBlock(writer, block)
    }
  }

  read(reader: Reader): void {
    for (let moment = 0; moment < momentsMax; moment++) {
      if (reader.u32() === 0) continue
      const block = this.#arena.read(reader)
      if (block.size % entryWords !== 0 || block.size > setsMax * entryWords) reader.refuse("repertoire")
      this.#moments[moment] = block
    }
  }
}

const seenMax = 2 ** (32 - sizeBits) - 1

const isSame = (words: Uint32Array, entry: number, set: Uint32Array): boolean => {
  for (let i = 0; i < setWords; i++) if (words[entry + i] !== set[i]) return false
  return true
}

/** Halves how often all sets were seen and forgets the older half of those seen once; answers where there is room. */
const makeRoom = (block: Block): number => {
  const { words } = block
  const end = block.at + setsMax * entryWords
  let once = 0
  while (once === 0) {
    for (let tag = block.at + setWords; tag < end; tag += entryWords) {
      const seen = ((words[tag]! >>> sizeBits) + 1) >>> 1
      words[tag] = (seen * (1 << sizeBits)) | (words[tag]! & sizeMask)
      if (seen === 1) once++
    }
  }
  let leaving = (once + 1) >>> 1
  let to = block.at
  for (let from = block.at; from < end; from += entryWords) {
    if (leaving > 0 && words[from + setWords]! >>> sizeBits === 1) {
      leaving--
      continue
    }
    words.copyWithin(to, from, from + entryWords)
    to += entryWords
  }
  words.fill(0, to, end)
  return to - block.at
}
