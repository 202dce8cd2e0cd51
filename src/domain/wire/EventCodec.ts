import {
  type ArgumentFeatures,
  argumentsMax,
  type ArgumentType,
  argumentTypes,
  type CallFeatures,
  gramsMax,
  pathLengthMax,
  shapeLengthMax
} from "../CallFeatures.ts"
import { functionNameLengthMax, Priority, sessionLengthMax, type TelemetryEvent } from "../TelemetryEvent.ts"
import type { ByteReader } from "./ByteReader.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import type { Names } from "./Interner.ts"

/** Longest id of an event and of an agent, and longest subject hash, as the schema of events says. */
const idLengthMax = 64
const subjectHashLengthMax = 32
/** Bytes of an argument without its strings and 3-grams: type, size, mask, value, magnitude and three lengths. */
const argumentFixedLength = 1 + 4 + 4 + 4 + 8 + 2 + 2 + 2
/** Bytes in front of an event: length of the head, priority, truncated, arity, timestamp, sampling probability. */
const eventFixedLength = 2 + 1 + 1 + 2 + 8 + 8

const priorities = Priority.literals
const priorityCodes: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2 }
const typeCodes = new Map<ArgumentType, number>(argumentTypes.map((type, code) => [type, code]))

const writeArgument = (writer: ByteWriter, argument: ArgumentFeatures): void => {
  const { grams } = argument
  writer.reserve(argumentFixedLength)
  writer.uint8(typeCodes.get(argument.type) ?? 0xff)
  writer.uint32(argument.size)
  writer.uint32(argument.mask)
  writer.uint32(argument.value)
  writer.float64(argument.magnitude)
  writer.string(argument.path)
  writer.string(argument.shape)
  const count = Math.min(grams.length, gramsMax + 1)
  writer.reserve(2 + 2 * count)
  writer.uint16(count)
  for (let i = 0; i < count; i++) writer.uint16(grams[i]!)
}

/** Writes an event. One that breaks a limit of the schema is written so that the reader refuses it. */
export const writeEvent = (writer: ByteWriter, event: TelemetryEvent): void => {
  const { features } = event
  writer.reserve(eventFixedLength)
  const start = writer.position
  writer.uint16(0)
  writer.uint8(priorityCodes[event.priority])
  writer.uint8(features.truncated ? 1 : 0)
  writer.uint16(features.arity)
  writer.float64(event.timestamp)
  writer.float64(event.samplingProbability)
  const head = writer.position
  writer.string(event.id)
  writer.string(event.agentId)
  writer.string(event.fn)
  writer.string(event.session)
  writer.string(event.subjectHash)
  writer.patchUint16(start, Math.min(writer.position - head, 0xffff))
  const count = Math.min(features.arguments.length, argumentsMax + 1)
  writer.reserve(2)
  writer.uint16(count)
  for (let i = 0; i < count; i++) writeArgument(writer, features.arguments[i]!)
}

const readArgument = (reader: ByteReader): ArgumentFeatures => {
  const type = argumentTypes[reader.code(argumentTypes.length)]!
  const size = reader.uint32()
  const mask = reader.uint32()
  const value = reader.uint32()
  const magnitude = reader.finite()
  const path = reader.string(0, pathLengthMax)
  const shape = reader.string(0, shapeLengthMax)
  const grams = reader.uint16s(reader.count(gramsMax, 2))
  return { path, type, size, shape, mask, value, magnitude, grams }
}

const readFeatures = (reader: ByteReader, arity: number, truncated: boolean): CallFeatures => {
  const count = reader.count(argumentsMax, argumentFixedLength)
  const args = new Array<ArgumentFeatures>(count)
  for (let i = 0; i < count; i++) args[i] = readArgument(reader)
  return { arity, arguments: args, truncated }
}

/**
 * Reads an event up to the reader's end. Check `reader.failed` before using it: every limit of the schema was checked.
 */
export const readEvent = (reader: ByteReader, names: Names): TelemetryEvent => {
  const headLength = reader.uint16()
  const priority = priorities[reader.code(priorities.length)]!
  const truncated = reader.boolean()
  const arity = reader.uint16()
  const timestamp = reader.finite()
  const samplingProbability = reader.fraction()
  const headEnd = reader.position + headLength
  // An event is kept or dropped whole, so one text serves all its strings.
  reader.prepareText(reader.end - reader.position)
  const id = reader.string(1, idLengthMax)
  const agentId = names.agents.read(reader, 1, idLengthMax)
  const fn = names.functions.read(reader, 1, functionNameLengthMax)
  const session = reader.string(0, sessionLengthMax)
  const subjectHash = reader.string(0, subjectHashLengthMax)
  if (reader.position !== headEnd) reader.fail()
  const features = readFeatures(reader, arity, truncated)
  return { id, agentId, fn, session, subjectHash, timestamp, priority, samplingProbability, features }
}
