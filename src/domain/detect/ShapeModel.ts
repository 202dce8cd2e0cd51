import { countMask, type CountTable, followersShift, saltedKey } from "./CountTable.ts"
import { digit, digits, foreign, letter, letters, mixed } from "../features/Symbols.ts"
import type { TopFive } from "./TopFive.ts"

/** Words of a model's record: symbols learned, and distinct ones. */
export const shapeWords = 2
/** Marks before the first and after the last symbol of a shape; shapes never contain them. */
const start = 2
const end = 3
const startContext = start | (start << 8) | (start << 16)
/**
 * What is known of symbols before any value was seen, in how many of a thousand they occur: what texts of every kind are
 * made of (words, numbers, and the signs of sentences and names), what some kinds of text and data have, and the rest
 * (brackets, operators, control characters), which a field has because its values are code or data of one format. A
 * comma in a field that had none is much less of a surprise than a `|`. Only orders of magnitude matter: where a field
 * has a sign, its counts soon say so.
 *
 * Source: signs in English prose, of 1000 words: about 65 full stops, 62 commas, 24 apostrophes, 15 hyphens, but 3 colons
 * or semicolons, and of other signs fewer than that (Cook, "Standard punctuation and the punctuation of the street",
 * 2013).
 */
const everyText = 100
const someText = 10
const rarely = 0.1
const signsOfSome = "'/:@_()&\"!?+#%"
const prior = new Float64Array(256).fill(rarely)
for (const symbol of [letters, letter, digits, digit, mixed, end]) prior[symbol] = everyText
for (const sign of " .,-") prior[sign.charCodeAt(0)] = everyText
for (const sign of signsOfSome) prior[sign.charCodeAt(0)] = someText
prior[foreign] = someText
const priorTotal = prior.reduce((sum, share) => sum + share, 0)
for (let i = 0; i < prior.length; i++) prior[i] = prior[i]! / priorTotal
/** What a symbol keeps of its probability after a symbol never seen: nothing is expected there. */
const unknownContext = 0.5
const followersMax = 255

/**
 * A 4-gram model of shape symbols with Witten-Bell back-off: how surprising is each symbol after the three before it.
 * A shape's score is the sum of its five most surprising symbols, so that a long ordinary value is not surprising for
 * its length, and an attack cannot dilute itself in ordinary text. An n-gram is a 32-bit word of up to four symbols.
 * This learns one shape, counting under the model's salt; its record is at `at` in `record`.
 *
 * Source: Witten and Bell, "The zero-frequency problem" (IEEE Trans. Information Theory 37, 1991), method C.
 */
export const learnShape = (
  table: CountTable,
  salt: number,
  record: Uint32Array,
  at: number,
  shape: string
): void => {
  let context = startContext
  table.add(saltedKey(salt, start), 1)
  table.add(saltedKey(salt, start | (start << 8)), 1)
  table.add(saltedKey(salt, startContext), 1)
  record[at] = record[at]! + shape.length + 1
  for (let i = 0; i <= shape.length; i++) {
    const symbol = i === shape.length ? end : shape.charCodeAt(i) & 0xff
    if (table.add(saltedKey(salt, symbol), 1) === 0) record[at + 1] = record[at + 1]! + 1
    count(table, salt, context & 0xff, symbol)
    count(table, salt, context & 0xffff, symbol)
    count(table, salt, context, symbol)
    context = (context << 8 | symbol) & 0xffffff
  }
}

/** Counts a symbol after a context; a new one counts as one more follower of the context. */
const count = (table: CountTable, salt: number, context: number, symbol: number): void => {
  if (table.add(saltedKey(salt, context << 8 | symbol), 1) !== 0) return
  const key = saltedKey(salt, context)
  if (table.get(key) >>> followersShift < followersMax) table.add(key, 1 << followersShift)
}

/** Puts the surprise of each symbol of a shape, in nats, into `top`. */
export const shapeSurprise = (
  table: CountTable,
  salt: number,
  record: Uint32Array,
  at: number,
  shape: string,
  top: TopFive
): void => {
  const distinct = record[at + 1]!
  const total = record[at]! + distinct + 1
  let context = startContext
  let one = table.get(saltedKey(salt, start))
  let two = table.get(saltedKey(salt, start | (start << 8)))
  let three = table.get(saltedKey(salt, startContext))
  for (let i = 0; i <= shape.length; i++) {
    const symbol = i === shape.length ? end : shape.charCodeAt(i) & 0xff
    const gram1 = table.get(saltedKey(salt, symbol))
    const gram2 = table.get(saltedKey(salt, (context & 0xff) << 8 | symbol))
    const gram3 = table.get(saltedKey(salt, (context & 0xffff) << 8 | symbol))
    let p = ((gram1 & countMask) + (distinct + 1) * prior[symbol]!) / total
    p = one === 0 ? p * unknownContext : blend(gram2, one, p)
    if (two !== 0) p = blend(gram3, two, p)
    if (three !== 0) p = blend(table.get(saltedKey(salt, context << 8 | symbol)), three, p)
    top.add(-Math.log(p), i)
    one = gram1
    two = gram2
    three = gram3
    context = (context << 8 | symbol) & 0xffffff
  }
}

const blend = (gram: number, context: number, lower: number): number => {
  const followers = context >>> followersShift || 1
  return ((gram & countMask) + followers * lower) / ((context & countMask) + followers)
}
