import { type OutcomeKind, OutcomeKind as OutcomeKinds, type OutcomeReport } from "../Outcome.ts"
import { functionNameLengthMax } from "../TelemetryEvent.ts"
import type { ByteReader } from "./ByteReader.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import type { Names } from "./Interner.ts"

/** Longest event id and longest failure tag, in UTF-16 code units. */
const eventIdLengthMax = 64
const tagLengthMax = 64
/** Bytes of a report without its strings: kind, two times, three lengths. */
export const outcomeFixedLength = 1 + 8 + 8 + 3 * 2

const kinds = OutcomeKinds.literals
const kindCodes: Readonly<Record<OutcomeKind, number>> = { success: 0, failure: 1, defect: 2, interrupted: 3 }

/** Writes the outcome of one call. */
export const writeOutcome = (writer: ByteWriter, report: OutcomeReport): void => {
  const { outcome } = report
  writer.reserve(outcomeFixedLength)
  writer.uint8(kindCodes[outcome.kind])
  writer.float64(report.timestamp)
  writer.float64(outcome.durationMs)
  writer.string(report.eventId)
  writer.string(report.fn)
  writer.string(outcome.tag)
}

/** Reads the outcome of one call. Check `reader.failed` before using it: every limit was checked. */
export const readOutcome = (reader: ByteReader, names: Names): OutcomeReport => {
  const kind = kinds[reader.code(kinds.length)]!
  const timestamp = reader.finite()
  const durationMs = reader.finite()
  if (durationMs < 0) reader.fail()
  const eventId = reader.string(1, eventIdLengthMax)
  const fn = names.functions.read(reader, 1, functionNameLengthMax)
  const tag = reader.string(0, tagLengthMax)
  return { eventId, fn, timestamp, outcome: { kind, tag, durationMs } }
}
