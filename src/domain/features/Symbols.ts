/**
 * Classes of characters, and the symbols that stand for them in a shape. Every code is below 256, so that four symbols
 * fit one 32-bit word and a shape is one byte a symbol on the wire.
 */

/**
 * Symbols: a run of letters, of digits, of both; a single letter or digit, which in formats (`5-b`, `s/n`) is not a
 * word; a character outside ASCII that is neither; the repeat mark `×`; a word of look-alike scripts, `±`.
 */
export const letters = 0x61
export const letter = 0x62
export const digits = 0x30
export const digit = 0x31
export const mixed = 0x77
export const foreign = 0xa4
export const repeat = 0xd7
/** A word in which Latin letters stand beside letters of a script that has the same ones: `pаypal` with a Cyrillic `а`. */
export const confusable = 0xb1
/** Stands for every control character but tab, line feed and carriage return, which keep their own code. */
export const control = 0x01

const classCount = 4
/** 1: letter, 2: digit, 0: a sign that keeps its code (ASCII) or becomes `foreign`. */
const ascii = new Uint8Array(128)
for (let c = 0x30; c <= 0x39; c++) ascii[c] = 2
for (let c = 0x41; c <= 0x5a; c++) ascii[c] = ascii[c + 32] = 1

/** Classes of characters beyond ASCII, found once each: 0 is "not known yet", else the class + 1. */
const known = new Uint8Array(0x10000)
const letterPattern = /^[\p{L}\p{M}]/u
const digitPattern = /^\p{N}/u

const classifyForeign = (code: number): number => {
  const seen = known[code]!
  if (seen > 0) return seen - 1
  // Halves of pairs count as letters where the script is one of letters beyond the basic plane; a pair is looked up whole
  // by `classOf`, a lone half is a sign.
  const character = String.fromCharCode(code)
  const found = letterPattern.test(character) ? 1 : digitPattern.test(character) ? 2 : 0
  known[code] = (found + 1) % classCount
  return found
}

/** The class of the character that starts at `index`: 1 letter, 2 digit, 0 sign. */
export const classOf = (text: string, index: number, code: number): number => {
  if (code < 128) return ascii[code]!
  if (code < 0xd800 || code > 0xdfff) return classifyForeign(code)
  const low = code >= 0xdc00
  const pair = low ? text.codePointAt(index - 1) : text.codePointAt(index)
  if (pair === undefined || pair < 0x10000) return 0
  const character = String.fromCodePoint(pair)
  return letterPattern.test(character) ? 1 : digitPattern.test(character) ? 2 : 0
}

/** No letter below this looks like one of ASCII without being an accented form of it. */
export const lookalikesFrom = 0x370
/** Greek, Cyrillic, Armenian; Cherokee; the letters of full width. */
const lookalike = (code: number): boolean =>
  code >= lookalikesFrom && code < 0x590 || code >= 0x13a0 && code < 0x1400 || code >= 0xff21 && code < 0xff5b

/**
 * True where a run mixes Latin letters with those of a script full of look-alikes: no language writes words so, who wants
 * a name to pass for another does (Unicode Technical Standard 39, "mixed-script confusables").
 */
export const mixesScripts = (text: string, from: number, to: number): boolean => {
  let latin = false
  let other = false
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    if (code < 128) latin ||= ascii[code] === 1
    else other ||= lookalike(code)
  }
  return latin && other
}

/** The symbol of a sign: itself in ASCII, one class for the other control characters, one for everything foreign. */
export const signSymbol = (code: number): number =>
  code >= 128
    ? foreign
    : code >= 32 && code !== 127 || code === 9 || code === 10 || code === 13
    ? code
    : control

/** The words in which a finding shows a symbol; signs are quoted, so that control characters never reach a terminal. */
export const symbolName = (symbol: number): string => {
  switch (symbol) {
    case letters:
      return "letters"
    case letter:
      return "a single letter"
    case digit:
      return "a single digit"
    case digits:
      return "digits"
    case mixed:
      return "letters and digits"
    case foreign:
      return "a sign outside ASCII"
    case repeat:
      return "a repeat"
    case confusable:
      return "a word of mixed scripts"
    case control:
      return "a control character"
    case 9:
      return "a tab"
    case 10:
      return "a line feed"
    case 13:
      return "a carriage return"
    case 32:
      return "a space"
    default:
      return `\`${String.fromCharCode(symbol)}\``
  }
}
