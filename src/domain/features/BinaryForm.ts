/** Bytes of a binary value that are read. */
export const bytesMax = 1024

type Getter = ((this: unknown) => unknown) | undefined
const getter = (holder: object, name: PropertyKey): Getter => Object.getOwnPropertyDescriptor(holder, name)?.get

/** Getters of the platform: an own property of the same name, which may be application code, is never run. */
const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype) as object
const gettersOf = (holder: object) => ({
  buffer: getter(holder, "buffer"),
  offset: getter(holder, "byteOffset"),
  length: getter(holder, "byteLength")
})
const arrayGetters = gettersOf(typedArray)
const viewGetters = gettersOf(DataView.prototype)
const bufferLength = getter(ArrayBuffer.prototype, "byteLength")
const sharedLength = typeof SharedArrayBuffer === "undefined"
  ? undefined
  : getter(SharedArrayBuffer.prototype, "byteLength")
const typedName = getter(typedArray, Symbol.toStringTag)

const lengthOf = (buffer: object): number => {
  try {
    return bufferLength?.call(buffer) as number
  } catch {
    return sharedLength?.call(buffer) as number
  }
}

/** The first bytes of a binary value, and its size. Throws where its memory is gone. */
export const readBytes = (value: object): { readonly bytes: Uint8Array; readonly size: number } => {
  if (!ArrayBuffer.isView(value)) {
    const size = lengthOf(value)
    return { bytes: new Uint8Array(value as ArrayBuffer, 0, Math.min(size, bytesMax)), size }
  }
  const getters = typedName?.call(value) === undefined ? viewGetters : arrayGetters
  const size = getters.length?.call(value) as number
  if (size === 0) return { bytes: new Uint8Array(0), size: 0 }
  const buffer = getters.buffer?.call(value) as ArrayBuffer
  return { bytes: new Uint8Array(buffer, getters.offset?.call(value) as number, Math.min(size, bytesMax)), size }
}

/** Shannon entropy in bits per byte: packed or encrypted content shows here. */
export const entropy = (bytes: Uint8Array): number => {
  const counts = new Uint16Array(256)
  for (let i = 0; i < bytes.length; i++) counts[bytes[i]!] = counts[bytes[i]!]! + 1
  let sum = 0
  for (let i = 0; i < 256; i++) {
    const share = counts[i]! / bytes.length
    if (share > 0) sum -= share * Math.log2(share)
  }
  return sum
}
