import { type Direction, directionOf } from "../keys/MacKey.ts"
import { type ByteReader, view } from "./ByteReader.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import type { FramePool } from "./FramePool.ts"
import type { Names } from "./Interner.ts"
import { isNonce, nonceLength, type NonceSequence } from "./Nonce.ts"

/** Version of the frame layout; another one is refused. */
export const frameVersion = 1
/** Bytes of the MAC at the end, over everything before it. */
export const macLength = 32
/** Longest frame in bytes: 128 events that all use every limit are 11 MiB. */
export const frameLengthMax = 16 * 1024 * 1024
/** Longest agent id in a header: the configured one and its instance suffix. */
export const agentIdLengthMax = 96
/** Longest key id and event id, in UTF-16 code units. */
const keyIdLengthMax = 32
const eventIdLengthMax = 64

/** What a frame carries. */
export type FramePurpose = "event" | "events" | "outcomes" | "decision" | "decisions" | "ack"

/** All purposes, in wire order: the position is the code on the wire. Append only. */
const purposes: ReadonlyArray<FramePurpose> = ["event", "events", "outcomes", "decision", "decisions", "ack"]
const purposeCodes = new Map<FramePurpose, number>(purposes.map((purpose, code) => [purpose, code]))
const directionCodes: Readonly<Record<Direction, number>> = { to_brain: 1, to_agent: 2 }

const directionCodeOf = (purpose: FramePurpose): number => directionCodes[directionOf(purpose) ?? "to_brain"]
const codesOfDirections = purposes.map(directionCodeOf)

/** Where the fixed fields lie: version, purpose, direction, header length, nonce, timestamp, then the names. */
const headerLengthAt = 3
const nonceAt = 5
const timestampAt = nonceAt + nonceLength
const namesAt = timestampAt + 8

/** What a reply proves that it answers. */
export interface RequestRef {
  readonly nonce: Uint8Array
  readonly eventId: string
}

/** What every frame says about itself, before its body. `request` is present exactly in frames to an agent. */
export interface Header {
  readonly purpose: FramePurpose
  /** The agent that sent the request, in both directions. */
  readonly agentId: string
  readonly keyId: string
  readonly timestamp: number
  readonly request: RequestRef | undefined
}

/** Starts a frame in an empty writer; the body follows. */
export const writeHeader = (writer: ByteWriter, header: Header, nonces: NonceSequence): void => {
  writer.position = 0
  writer.reserve(namesAt)
  writer.uint8(frameVersion)
  writer.uint8(purposeCodes.get(header.purpose) ?? 0xff)
  writer.uint8(directionCodeOf(header.purpose))
  writer.uint16(0)
  nonces.next(writer.bytes, nonceAt)
  writer.position = timestampAt
  writer.float64(header.timestamp)
  writer.string(header.agentId)
  writer.string(header.keyId)
  if (header.request !== undefined) {
    writer.raw(header.request.nonce)
    writer.string(header.request.eventId)
  }
  writer.patchUint16(headerLengthAt, writer.position)
}

/** Finishes a frame: a copy of what was signed, with its MAC behind it. */
export const finish = (pool: FramePool, signed: Uint8Array, mac: Uint8Array): Buffer => {
  const frame = pool.take(signed.length + macLength)
  frame.set(signed)
  frame.set(mac, signed.length)
  return frame
}

/** The nonce of a frame, as a view. */
export const nonceOf = (frame: Uint8Array): Uint8Array => view(frame, nonceAt, nonceLength)

/** A header and where the body of its frame begins. */
export interface OpenedFrame extends Header {
  readonly bodyAt: number
}

const readRequest = (reader: ByteReader, expected: RequestRef | undefined): RequestRef => {
  const named = expected !== undefined && reader.takesRaw(expected.nonce) ? expected : undefined
  if (named !== undefined && reader.takes(named.eventId)) return named
  const nonce = named === undefined ? reader.raw(nonceLength) : named.nonce
  const eventId = reader.string(0, eventIdLengthMax)
  return named !== undefined && eventId === named.eventId ? named : { nonce, eventId }
}

/**
 * Reads the header of a frame, or gives `undefined` where it is none. Nothing it says may be used before the MAC was
 * verified, except to find the key. A frame that names exactly the request `expected` gives that object itself.
 */
export const readHeader = (
  reader: ByteReader,
  frame: Buffer,
  names: Names,
  expected?: RequestRef
): OpenedFrame | undefined => {
  if (frame.length > frameLengthMax || frame.length < namesAt + macLength || frame[0] !== frameVersion) return undefined
  const code = frame[1]!
  const purpose = purposes[code]
  const headerLength = frame[headerLengthAt]! | frame[headerLengthAt + 1]! << 8
  if (purpose === undefined || frame[2] !== codesOfDirections[code]) return undefined
  if (!isNonce(frame, nonceAt) || headerLength < namesAt || headerLength > frame.length - macLength) return undefined
  reader.open(frame, timestampAt, headerLength)
  const timestamp = reader.finite()
  const agentId = names.senders.read(reader, 1, agentIdLengthMax)
  const keyId = names.keys.read(reader, 1, keyIdLengthMax)
  const request = frame[2] === directionCodes.to_agent ? readRequest(reader, expected) : undefined
  return reader.close() ? { purpose, agentId, keyId, timestamp, request, bodyAt: headerLength } : undefined
}
