import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { KeyedHash } from "../../../src/domain/keys/KeyedHash.ts"

/** First vectors of `vectors_hsip32` in the authors' reference code: key 00..07, message 00..(n-1), output as bytes. */
const vectors = [
  "a9359f5b",
  "27475ab8",
  "fa62a603",
  "8afee704",
  "2a6e4689",
  "c5fab669",
  "5863fc23",
  "8bcf63c5",
  "d0b8848f",
  "f806e779",
  "94b07934",
  "08083050",
  "57f0872f",
  "77e663ff",
  "d6fff87c",
  "74fe2b97",
  "d9b5ac84",
  "c474645b",
  "465b8d9b",
  "7befe387",
  "e34d1045",
  "613f62b3",
  "70f367fe",
  "e6adb8bd",
  "27400c63",
  "26787875",
  "4f567b5f",
  "3ab0e667",
  "b0644000",
  "ff670fb4"
]
const reference = new KeyedHash([0x03020100, 0x07060504])
const hex = (hash: number): string => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, hash, true)
  return Buffer.from(bytes).toString("hex")
}

describe("KeyedHash", () => {
  it("gives the vectors of the reference implementation", () => {
    vectors.slice(0, 27).forEach((expected, length) => {
      expect(hex(reference.bytes(Uint8Array.from({ length }, (_, i) => i)))).toBe(expected)
    })
  })

  it("hashes a string as its UTF-16 code units", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => {
      expect(reference.string(text)).toBe(reference.bytes(new Uint8Array(Buffer.from(text, "utf16le"))))
    }))
  })

  it("hashes words and pairs as their bytes", () => {
    fc.assert(fc.property(fc.array(fc.integer(), { maxLength: 20 }), (values) => {
      const words = Int32Array.from(values)
      expect(reference.words(words, words.length)).toBe(reference.bytes(new Uint8Array(words.buffer)))
    }))
    expect(reference.pair(7, 9)).toBe(reference.words(Int32Array.of(7, 9), 2))
  })

  it("depends on the key", () => {
    const other = new KeyedHash([0x03020100, 0x07060505])
    expect(other.string("alice")).not.toBe(reference.string("alice"))
  })
})
