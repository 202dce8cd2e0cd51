import type { BackpressureSignal } from "../BackpressureSignal.ts"
import type { Decision } from "../Decision.ts"
import type { OutcomeReport } from "../Outcome.ts"
import type { TelemetryEvent } from "../TelemetryEvent.ts"
import type { ByteReader } from "./ByteReader.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import { decisionFixedLength, readDecision, readSignal, writeDecision, writeSignal } from "./DecisionCodec.ts"
import { readEvent, writeEvent } from "./EventCodec.ts"
import { macLength } from "./Frame.ts"
import type { Names } from "./Interner.ts"
import { outcomeFixedLength, readOutcome, writeOutcome } from "./OutcomeCodec.ts"

/** Most events, outcomes or decisions in one frame that a reader accepts. */
export const batchLengthMax = 128

/** Everything a reply to a batch of events carries. */
export interface DecisionBatch {
  readonly decisions: ReadonlyArray<Decision>
  readonly backpressure: BackpressureSignal
}

/** Opens the body of a verified frame: what lies between its header and its MAC. */
const openBody = (reader: ByteReader, frame: Buffer, bodyAt: number): void =>
  reader.open(frame, bodyAt, frame.length - macLength)

/** Reads a body that is one event; `undefined` where it is not exactly that. */
export const readEventBody = (
  reader: ByteReader,
  frame: Buffer,
  bodyAt: number,
  names: Names
): TelemetryEvent | undefined => {
  openBody(reader, frame, bodyAt)
  const event = readEvent(reader, names)
  return reader.close() ? event : undefined
}

/** Writes a batch of events, each behind its length in four bytes. */
export const writeEvents = (writer: ByteWriter, events: ReadonlyArray<TelemetryEvent>): void => {
  writer.reserve(2)
  writer.uint16(Math.min(events.length, 0xffff))
  for (const event of events) {
    writer.reserve(4)
    const start = writer.position
    writer.uint32(0)
    writeEvent(writer, event)
    writer.patchUint32(start, writer.position - start - 4)
  }
}

/** Reads a batch of events; `undefined` unless every one is whole. Each has its own text, so none keeps all alive. */
export const readEventsBody = (
  reader: ByteReader,
  frame: Buffer,
  bodyAt: number,
  names: Names
): ReadonlyArray<TelemetryEvent> | undefined => {
  openBody(reader, frame, bodyAt)
  const count = reader.count(batchLengthMax, 4)
  const events = new Array<TelemetryEvent>(count)
  let position = reader.position
  for (let i = 0; i < count; i++) {
    reader.open(frame, position, frame.length - macLength)
    const length = reader.uint32()
    const start = position + 4
    position = start + length
    if (reader.failed || position > frame.length - macLength) return undefined
    reader.open(frame, start, position)
    events[i] = readEvent(reader, names)
    if (!reader.close()) return undefined
  }
  return position === frame.length - macLength && !reader.failed ? events : undefined
}

/** Writes a batch of outcomes. */
export const writeOutcomes = (writer: ByteWriter, reports: ReadonlyArray<OutcomeReport>): void => {
  writer.reserve(2)
  writer.uint16(Math.min(reports.length, 0xffff))
  for (const report of reports) writeOutcome(writer, report)
}

/** Reads a batch of outcomes; `undefined` unless every one is whole. */
export const readOutcomesBody = (
  reader: ByteReader,
  frame: Buffer,
  bodyAt: number,
  names: Names
): ReadonlyArray<OutcomeReport> | undefined => {
  openBody(reader, frame, bodyAt)
  const count = reader.count(batchLengthMax, outcomeFixedLength)
  const reports = new Array<OutcomeReport>(count)
  for (let i = 0; i < count; i++) reports[i] = readOutcome(reader, names)
  return reader.close() ? reports : undefined
}

/** Writes the reply to a batch of events: the signal, then the decisions in the order of the events. */
export const writeDecisions = (
  writer: ByteWriter,
  decisions: ReadonlyArray<Decision>,
  signal: BackpressureSignal
): void => {
  writeSignal(writer, signal)
  writer.reserve(2)
  writer.uint16(Math.min(decisions.length, 0xffff))
  for (const decision of decisions) writeDecision(writer, decision)
}

/** Reads the reply to a batch of events; `undefined` unless it is whole. */
export const readDecisionsBody = (reader: ByteReader, frame: Buffer, bodyAt: number): DecisionBatch | undefined => {
  openBody(reader, frame, bodyAt)
  const backpressure = readSignal(reader)
  const count = reader.count(batchLengthMax, decisionFixedLength)
  const decisions = new Array<Decision>(count)
  for (let i = 0; i < count; i++) decisions[i] = readDecision(reader)
  return reader.close() ? { decisions, backpressure } : undefined
}

/** Writes the reply to one event. */
export const writeVerdict = (writer: ByteWriter, decision: Decision, signal: BackpressureSignal): void => {
  writeSignal(writer, signal)
  writeDecision(writer, decision)
}

/** Reads the reply to one event; `undefined` unless it is whole. */
export const readVerdictBody = (
  reader: ByteReader,
  frame: Buffer,
  bodyAt: number
): { readonly decision: Decision; readonly backpressure: BackpressureSignal } | undefined => {
  openBody(reader, frame, bodyAt)
  reader.prepareText(reader.end - reader.position)
  const backpressure = readSignal(reader)
  const decision = readDecision(reader)
  return reader.close() ? { decision, backpressure } : undefined
}

/** Reads a body that is one signal; `undefined` where it is not exactly that. */
export const readSignalBody = (reader: ByteReader, frame: Buffer, bodyAt: number): BackpressureSignal | undefined => {
  openBody(reader, frame, bodyAt)
  const signal = readSignal(reader)
  return reader.close() ? signal : undefined
}
