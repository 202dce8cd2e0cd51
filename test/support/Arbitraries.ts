import * as fc from "fast-check"
import type { BackpressureSignal } from "../../src/domain/BackpressureSignal.ts"
import { type ArgumentFeatures, ArgumentType } from "../../src/domain/CallFeatures.ts"
import { type Decision, DecisionSource, DetectorId, type Finding } from "../../src/domain/Decision.ts"
import type { OutcomeReport } from "../../src/domain/Outcome.ts"
import type { TelemetryEvent } from "../../src/domain/TelemetryEvent.ts"

/** Strings of any UTF-16 code units, lone surrogates included. */
export const text = (minLength: number, maxLength: number): fc.Arbitrary<string> => {
  const unit = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) }
  )
  const units = (min: number, max: number) => fc.array(unit, { minLength: min, maxLength: max })
  return fc.oneof(
    { weight: 9, arbitrary: units(minLength, Math.min(maxLength, Math.max(minLength, 24))) },
    { weight: 1, arbitrary: units(maxLength, maxLength) }
  ).map((codes) => String.fromCharCode(...codes))
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const fraction = fc.double({ min: 0, max: 1, noNaN: true })
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff })
const uint16 = fc.integer({ min: 0, max: 0xffff })

const argument: fc.Arbitrary<ArgumentFeatures> = fc.record({
  path: text(0, 128),
  type: fc.constantFrom(...ArgumentType.literals),
  size: uint32,
  shape: text(0, 256),
  mask: uint32,
  value: uint32,
  magnitude: finite,
  grams: fc.oneof(
    { weight: 9, arbitrary: fc.array(uint16, { maxLength: 12 }) },
    { weight: 1, arbitrary: fc.array(uint16, { minLength: 256, maxLength: 256 }) }
  )
})

export const event: fc.Arbitrary<TelemetryEvent> = fc.record({
  id: text(1, 64),
  agentId: text(1, 64),
  fn: text(1, 256),
  session: text(0, 128),
  subjectHash: text(0, 32),
  timestamp: finite,
  priority: fc.constantFrom("low", "normal", "high"),
  samplingProbability: fraction,
  features: fc.record({
    arity: uint16,
    arguments: fc.oneof(
      { weight: 19, arbitrary: fc.array(argument, { maxLength: 4 }) },
      { weight: 1, arbitrary: fc.array(argument, { minLength: 64, maxLength: 64 }) }
    ),
    truncated: fc.boolean()
  })
})

export const outcome: fc.Arbitrary<OutcomeReport> = fc.record({
  eventId: text(1, 64),
  fn: text(1, 256),
  timestamp: finite,
  outcome: fc.record({
    kind: fc.constantFrom("success", "failure", "defect", "interrupted"),
    tag: text(0, 64),
    durationMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })
  })
})

const finding: fc.Arbitrary<Finding> = fc.record({
  detector: fc.constantFrom(...DetectorId.literals),
  path: text(0, 128),
  expected: text(0, 256),
  seen: text(0, 256),
  pValue: fraction
})

export const decision: fc.Arbitrary<Decision> = fc.record({
  id: text(0, 64),
  eventId: text(0, 64),
  action: fc.constantFrom("allow", "block"),
  source: fc.constantFrom(...DecisionSource.literals),
  reason: text(0, 256),
  confidence: fraction,
  pValue: fraction,
  findings: fc.array(finding, { maxLength: 8 }),
  wouldBlock: fc.boolean()
})

export const signal: fc.Arbitrary<BackpressureSignal> = fc.record({
  active: fc.boolean(),
  recommendedRate: fraction,
  queueUtilization: fraction,
  reason: text(0, 128)
})

/** A small event that every limit allows, for tests where its content does not matter. */
export const sampleEvent: TelemetryEvent = {
  id: "01927f3e-8c4b-7a12-b3d4-0123456789ab",
  agentId: "agent",
  fn: "payments.transfer",
  session: "s-17",
  subjectHash: "9f86d081884c7d65",
  timestamp: 1_732_287_600_123.25,
  priority: "normal",
  samplingProbability: 1,
  features: {
    arity: 2,
    truncated: false,
    arguments: [
      {
        path: "0",
        type: "string",
        size: 10,
        shape: "a a",
        mask: 7,
        value: 0x9abc_def0,
        magnitude: 0,
        grams: [17, 900, 40_000]
      },
      { path: "1.limit", type: "number", size: 1, shape: "", mask: 0, value: 0, magnitude: -12.3, grams: [] }
    ]
  }
}

/** The allowing decision on the sample event. */
export const sampleDecision: Decision = {
  id: "d-1",
  eventId: sampleEvent.id,
  action: "allow",
  source: "brain",
  reason: "",
  confidence: 1,
  pValue: 0.42,
  findings: [],
  wouldBlock: false
}
