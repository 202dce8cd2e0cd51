import { argumentTypes } from "../CallFeatures.ts"
import type { Arena, Block } from "./Arena.ts"
import { endWords } from "./Extremes.ts"
import { gramWords } from "./GramModel.ts"
import { noveltyWords } from "./Novelty.ts"
import { shapeWords } from "./ShapeModel.ts"
import { tailsWords } from "./TailSample.ts"

/**
 * Where the numbers of one argument's model lie in its block of words. What most arguments need comes first; the other
 * sections are added when a value first needs them, and `sections` says where each begins.
 */
export const counted = 0
export const frozen = 1
export const firstType = 2
export const firstCount = 3
export const shape = 4
export const grams = shape + shapeWords
export const values = grams + gramWords
export const masks = values + noveltyWords
export const sizeCount = masks + noveltyWords
export const magnitudeCount = sizeCount + 1
const sections = magnitudeCount + 1
export const fixedWords = sections + 1

/** Sections, in the order of their bytes in the word at `sections`, and their words. */
export const types = 0
export const sizes = 1
export const magnitudes = 2
export const tails = 3
const sectionWords = [argumentTypes.length, 2 * endWords, 2 * endWords, tailsWords] as const

/** Where a section begins in the record; 0: it is not there. */
export const sectionAt = (record: Block, section: 0 | 1 | 2 | 3): number =>
  (record.words[record.at + sections]! >>> (8 * section)) & 0xff

/** Words in use. */
const used = (record: Block): number => {
  let end = fixedWords
  for (const [section, words] of sectionWords.entries()) {
    const at = sectionAt(record, section as 0 | 1 | 2 | 3)
    if (at > 0) end = Math.max(end, at + words)
  }
  return end
}

/** The record with a section that it did not have. */
export const withSection = (arena: Arena, record: Block, section: 0 | 1 | 2 | 3): Block => {
  const at = used(record)
  const wanted = at + sectionWords[section]
  const grown = wanted > record.size ? arena.grow(record, wanted) : record
  const word = grown.at + sections
  grown.words[word] = grown.words[word]! | (at << (8 * section))
  return grown
}

/** False where the sections of a record from a snapshot do not lie in it. */
export const sectionsFit = (record: Block): boolean => {
  if (record.size < fixedWords) return false
  for (const section of [types, sizes, magnitudes, tails] as const) {
    const at = sectionAt(record, section)
    if (at > 0 && at < fixedWords) return false
  }
  return used(record) <= record.size
}
