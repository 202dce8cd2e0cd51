/**
 * What may be printed: nothing here lets a value move the cursor, forge a line, or reveal a secret. Terminal escape
 * sequences and bidirectional overrides are shown as escapes (CVE-2021-42574 is what the overrides can do).
 */

/** Longest excerpt of a foreign value in a message, in UTF-16 code units. */
export const excerptLengthMax = 80

/** Shortest run of mixed letters and digits that is taken for a key or a token: 80 bits in base 16. */
const secretRunMin = 20

const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu
const secretWord = /pass(?:word|wd|phrase)|secret|token|bearer|credential|api[_-]?key|private[_-]?key|-----BEGIN/i
const secretRun = new RegExp(`[A-Za-z0-9+/_=-]{${secretRunMin},}`, "g")

const escapeOne = (character: string): string => {
  const code = character.codePointAt(0)!
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`
}

/** The text with every control, format, separator and unassigned character written as an escape. */
export const escapeLine = (text: string): string => text.replace(unprintable, escapeOne)

/** Like `escapeLine`, but keeps line breaks and tabs: for text of several lines that we wrote ourselves. */
export const escapeText = (text: string): string =>
  text.replace(unprintable, (character) => character === "\n" || character === "\t" ? character : escapeOne(character))

/** The beginning of a text, with a mark where it was cut. */
export const excerpt = (text: string, lengthMax: number = excerptLengthMax): string =>
  text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}… (${text.length} characters)`

const isSecretRun = (run: string): boolean => /[A-Za-z]/.test(run) && /[0-9]/.test(run)

/** Whether a text looks like a key, a token or a password, by its words or by a long run of letters and digits. */
export const looksSecret = (text: string): boolean =>
  secretWord.test(text) || /:\/\/[^/\s]*:[^/\s]*@/.test(text) || (text.match(secretRun) ?? []).some(isSecretRun)

/** A foreign message that is safe to print: escaped, cut, and with everything that looks secret taken out. */
export const quoteMessage = (text: string): string =>
  excerpt(
    escapeLine(text).replace(secretRun, (run) => isSecretRun(run) ? "<hidden>" : run)
      .replace(/:\/\/[^/\s]*:[^/\s]*@/g, "://<hidden>@"),
    4 * excerptLengthMax
  )

/** A foreign value in a message: its kind where it is compound, its text where it is safe to show. */
export const quoteValue = (value: unknown): string => {
  if (typeof value === "string") {
    return looksSecret(value)
      ? `a hidden text of ${value.length} characters`
      : `"${excerpt(escapeLine(value)).replaceAll("\"", "\\\"")}"`
  }
  if (value === null || value === undefined) return "empty"
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === "object") return "a mapping"
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? String(value)
    : `a ${typeof value}`
}
