import * as Redacted from "effect/Redacted"
import { createHash, createHmac, hkdfSync } from "node:crypto"
import type { Purpose } from "../../src/domain/keys/MacKey.ts"
import { directionOf } from "../../src/domain/keys/MacKey.ts"
import { writeDecisions, writeEvents, writeOutcomes, writeVerdict } from "../../src/domain/wire/Body.ts"
import { ByteWriter } from "../../src/domain/wire/ByteWriter.ts"
import { writeSignal } from "../../src/domain/wire/DecisionCodec.ts"
import { writeEvent } from "../../src/domain/wire/EventCodec.ts"
import { finish, type FramePurpose, nonceOf, type RequestRef, writeHeader } from "../../src/domain/wire/Frame.ts"
import { FramePool } from "../../src/domain/wire/FramePool.ts"
import { NonceSequence, print } from "../../src/domain/wire/Nonce.ts"
import { sampleDecision, sampleEvent } from "./Arbitraries.ts"

const root = Redacted.make(new Uint8Array(32).map((_, i) => i))
const bootId = "AAECAwQFBgcICQoLDA0ODw"
const keyId = "k000102030405"
const agentId = "agent#AAECAwQFBgcI"
const timestamp = 1_732_287_600_500.125

/** The MAC key of a purpose, derived as docs/protocol.md says, by nothing but `node:crypto`. */
const macKeyOf = (purpose: Purpose): Buffer =>
  Buffer.from(
    hkdfSync(
      "sha256",
      Redacted.value(root),
      "effect-pic/v1",
      `${purpose}\0link\0${directionOf(purpose)}\0${bootId}`,
      32
    )
  )

const unusual = {
  ...sampleEvent,
  id: "é",
  fn: "заказ.создать",
  session: "\ud800",
  subjectHash: "",
  timestamp: -0.5,
  priority: "high" as const,
  samplingProbability: 0.75,
  features: { arity: 65_535, arguments: [], truncated: true }
}
const outcomes = [
  {
    eventId: sampleEvent.id,
    fn: sampleEvent.fn,
    timestamp,
    outcome: { kind: "failure" as const, tag: "LedgerError", durationMs: 1.5 }
  }
]
const signal = { active: true, recommendedRate: 0.25, queueUtilization: 0.875, reason: "queue" }
const blocked = {
  ...sampleDecision,
  action: "block" as const,
  reason: "argument 0 has an unusual shape",
  confidence: 0.9996,
  pValue: 0.0004,
  wouldBlock: true,
  findings: [{ detector: "shape" as const, path: "0", expected: "a a", seen: "a'a-", pValue: 0.0004 }]
}

interface Case {
  readonly name: string
  readonly purpose: FramePurpose
  readonly body: unknown
  readonly write: (writer: ByteWriter) => void
}

const cases: ReadonlyArray<Case> = [
  { name: "an event", purpose: "event", body: sampleEvent, write: (writer) => writeEvent(writer, sampleEvent) },
  { name: "an event of unusual text", purpose: "event", body: unusual, write: (writer) => writeEvent(writer, unusual) },
  {
    name: "two events",
    purpose: "events",
    body: [sampleEvent, unusual],
    write: (writer) => writeEvents(writer, [sampleEvent, unusual])
  },
  { name: "an outcome", purpose: "outcomes", body: outcomes, write: (writer) => writeOutcomes(writer, outcomes) },
  {
    name: "a block",
    purpose: "decision",
    body: { decision: blocked, backpressure: signal },
    write: (writer) => writeVerdict(writer, blocked, signal)
  },
  {
    name: "two decisions",
    purpose: "decisions",
    body: { decisions: [sampleDecision, blocked], backpressure: signal },
    write: (writer) => writeDecisions(writer, [sampleDecision, blocked], signal)
  },
  { name: "an acknowledgement", purpose: "ack", body: signal, write: (writer) => writeSignal(writer, signal) }
]

/** Frames of every purpose from fixed keys, nonces and times, with everything needed to make them again. */
export const makeVectors = () => {
  const writer = new ByteWriter()
  const nonces = new NonceSequence((length) => new Uint8Array(length).map((_, i) => 0xa0 + i))
  const request: RequestRef = {
    nonce: new Uint8Array(16).map((_, i) => i === 6 ? 0x80 : i === 8 ? 0xbf : i),
    eventId: sampleEvent.id
  }
  const frames = cases.map(({ body, name, purpose, write }) => {
    const answered = directionOf(purpose) === "to_agent" ? request : undefined
    writeHeader(writer, { purpose, agentId, keyId, timestamp, request: answered }, nonces)
    write(writer)
    const key = macKeyOf(purpose)
    const frame = finish(new FramePool(), writer.written(), createHmac("sha256", key).update(writer.written()).digest())
    return {
      name,
      purpose,
      macKey: key.toString("hex"),
      nonce: print(nonceOf(frame)),
      requestNonce: answered === undefined ? undefined : print(answered.nonce),
      requestEventId: answered?.eventId,
      body,
      frame: frame.toString("hex"),
      sha256: createHash("sha256").update(frame).digest("hex")
    }
  })
  return { root: Buffer.from(Redacted.value(root)).toString("hex"), bootId, keyId, agentId, timestamp, frames }
}
