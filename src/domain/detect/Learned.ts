import { KeyedHash } from "../keys/KeyedHash.ts"

/** First word of stored baselines: "PICL". */
const magic = 0x5049434c
const headerBytes = 8

/**
 * A mark of the feature key, to see that learned hashes were made with it: the hash of a fixed text, which tells no more
 * than the hashes that the baselines hold anyway.
 */
export const markOf = (featureKey: readonly [number, number]): number =>
  new KeyedHash(featureKey).string("effect-pic feature key")

/** Stored baselines: the magic word, the mark of the feature key (both `u32`, big-endian), and what was learned. */
export const encode = (mark: number, learned: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(headerBytes + learned.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint32(4, mark)
  bytes.set(learned, headerBytes)
  return bytes
}

/** The mark and what was learned; `undefined` for anything that `encode` does not write. */
export const decode = (bytes: Uint8Array): { readonly mark: number; readonly learned: Uint8Array } | undefined => {
  if (bytes.length < headerBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getUint32(0) === magic
    ? { mark: view.getUint32(4), learned: bytes.slice(headerBytes) }
    : undefined
}
