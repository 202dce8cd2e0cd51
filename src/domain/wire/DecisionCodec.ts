import type { BackpressureSignal } from "../BackpressureSignal.ts"
import { pathLengthMax } from "../CallFeatures.ts"
import { Action, type Decision, DecisionSource, DetectorId, type Finding, findingsMax } from "../Decision.ts"
import type { ByteReader } from "./ByteReader.ts"
import type { ByteWriter } from "./ByteWriter.ts"

/** Longest strings, in UTF-16 code units, as the schemas of decisions and signals say. */
const idLengthMax = 64
const reasonLengthMax = 256
const findingTextLengthMax = 256
const signalReasonLengthMax = 128
/** Bytes of a finding without its strings: detector, p-value, three lengths. */
const findingFixedLength = 1 + 8 + 3 * 2
/** Bytes of a decision without its strings and findings: action, source, flag, two numbers, three lengths, a count. */
export const decisionFixedLength = 1 + 1 + 1 + 8 + 8 + 3 * 2 + 2
/** Bytes of a signal without its reason: flag, two numbers, a length. */
const signalFixedLength = 1 + 8 + 8 + 2

const actions = Action.literals
const sources = DecisionSource.literals
const detectors = DetectorId.literals
const sourceCodes = new Map<DecisionSource, number>(sources.map((source, code) => [source, code]))
const detectorCodes = new Map<DetectorId, number>(detectors.map((detector, code) => [detector, code]))

/** Explanations are for people: what is too long is cut, where identifiers that are too long are refused. */
const cut = (text: string, max: number): string => text.length > max ? text.substring(0, max) : text

const writeFinding = (writer: ByteWriter, finding: Finding): void => {
  writer.reserve(findingFixedLength)
  writer.uint8(detectorCodes.get(finding.detector) ?? 0xff)
  writer.float64(finding.pValue)
  writer.string(cut(finding.path, pathLengthMax))
  writer.string(cut(finding.expected, findingTextLengthMax))
  writer.string(cut(finding.seen, findingTextLengthMax))
}

/** Writes a decision; beyond the most findings, the last and least surprising ones are left out. */
export const writeDecision = (writer: ByteWriter, decision: Decision): void => {
  writer.reserve(decisionFixedLength)
  writer.uint8(decision.action === "block" ? 1 : 0)
  writer.uint8(sourceCodes.get(decision.source) ?? 0xff)
  writer.uint8(decision.wouldBlock ? 1 : 0)
  writer.float64(decision.confidence)
  writer.float64(decision.pValue)
  writer.string(decision.id)
  writer.string(decision.eventId)
  writer.string(cut(decision.reason, reasonLengthMax))
  const count = Math.min(decision.findings.length, findingsMax)
  writer.reserve(2)
  writer.uint16(count)
  for (let i = 0; i < count; i++) writeFinding(writer, decision.findings[i]!)
}

const readFinding = (reader: ByteReader): Finding => {
  const detector = detectors[reader.code(detectors.length)]!
  const pValue = reader.fraction()
  const path = reader.string(0, pathLengthMax)
  const expected = reader.string(0, findingTextLengthMax)
  const seen = reader.string(0, findingTextLengthMax)
  return { detector, path, expected, seen, pValue }
}

const noFindings: ReadonlyArray<Finding> = []

const readFindings = (reader: ByteReader): ReadonlyArray<Finding> => {
  const count = reader.count(findingsMax, findingFixedLength)
  if (count === 0) return noFindings
  const findings = new Array<Finding>(count)
  for (let i = 0; i < count; i++) findings[i] = readFinding(reader)
  return findings
}

/** Reads a decision. Check `reader.failed` before using it: every limit of the schema was checked. */
export const readDecision = (reader: ByteReader): Decision => {
  const action = actions[reader.code(actions.length)]!
  const source = sources[reader.code(sources.length)]!
  const wouldBlock = reader.boolean()
  const confidence = reader.fraction()
  const pValue = reader.fraction()
  const id = reader.string(0, idLengthMax)
  const eventId = reader.string(0, idLengthMax)
  const reason = reader.string(0, reasonLengthMax)
  const findings = readFindings(reader)
  return { id, eventId, action, source, reason, confidence, pValue, findings, wouldBlock }
}

/** Writes a backpressure signal. */
export const writeSignal = (writer: ByteWriter, signal: BackpressureSignal): void => {
  writer.reserve(signalFixedLength)
  writer.uint8(signal.active ? 1 : 0)
  writer.float64(signal.recommendedRate)
  writer.float64(signal.queueUtilization)
  writer.string(cut(signal.reason, signalReasonLengthMax))
}

/** Reads a backpressure signal. Check `reader.failed` before using it. */
export const readSignal = (reader: ByteReader): BackpressureSignal => {
  const active = reader.boolean()
  const recommendedRate = reader.fraction()
  const queueUtilization = reader.fraction()
  const reason = reader.string(0, signalReasonLengthMax)
  return { active, recommendedRate, queueUtilization, reason }
}
