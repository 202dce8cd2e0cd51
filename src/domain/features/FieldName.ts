const nameLengthMax = 32
const digitsMax = 3
const pattern = /^[A-Za-z_$][\w$-]*$/

/**
 * The name of a field as it may leave the agent: names that a programmer wrote stay, because they say where a finding
 * is; a key that looks like data (an address, an identifier, a long number) becomes `*`.
 */
export const fieldName = (key: string): string => {
  if (key.length > nameLengthMax || !pattern.test(key)) return "*"
  let digits = 0
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code >= 0x30 && code <= 0x39) digits++
  }
  return digits > digitsMax ? "*" : key
}
