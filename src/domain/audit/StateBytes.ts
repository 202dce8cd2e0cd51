/** A stored value without its bytes: what the seal of the state file covers. */
export interface StateMark {
  readonly name: string
  /** Counts the saves of this file; a value keeps the count of its own save. */
  readonly generation: number
  readonly mac: Uint8Array
}

const utf8 = new TextEncoder()

const withHeader = (tag: string, parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const header = utf8.encode(`${tag}\0`)
  const bytes = new Uint8Array(parts.reduce((length, part) => length + 4 + part.length, header.length))
  const view = new DataView(bytes.buffer)
  bytes.set(header)
  let at = header.length
  for (const part of parts) {
    view.setUint32(at, part.length)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  return bytes
}

const number = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return bytes
}

/**
 * What a value's MAC covers in front of the value itself: a tag, then name and generation (`f64`), each with its `u32`
 * length, and the length of the value.
 */
export const stateMacHeader = (name: string, generation: number, value: Uint8Array): Uint8Array => {
  const parts = withHeader("effect-pic/state/1", [utf8.encode(name), number(generation)])
  const header = new Uint8Array(parts.length + 4)
  header.set(parts)
  new DataView(header.buffer).setUint32(parts.length, value.length)
  return header
}

/**
 * The bytes that the seal covers: every value's name, generation and MAC, in order of the names. A single value put back
 * to an older, once valid state breaks the seal.
 */
export const sealMacBytes = (marks: ReadonlyArray<StateMark>): Uint8Array =>
  withHeader(
    "effect-pic/state/seal/1",
    marks
      .toSorted((a, b) => a.name < b.name ? -1 : 1)
      .flatMap(({ generation, mac, name }) => [utf8.encode(name), number(generation), mac])
  )
