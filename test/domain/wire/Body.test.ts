import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { BackpressureSignal } from "../../../src/domain/BackpressureSignal.ts"
import { Decision } from "../../../src/domain/Decision.ts"
import { OutcomeReport } from "../../../src/domain/Outcome.ts"
import { TelemetryEvent } from "../../../src/domain/TelemetryEvent.ts"
import * as Body from "../../../src/domain/wire/Body.ts"
import { ByteReader } from "../../../src/domain/wire/ByteReader.ts"
import { ByteWriter } from "../../../src/domain/wire/ByteWriter.ts"
import { writeSignal } from "../../../src/domain/wire/DecisionCodec.ts"
import { writeEvent } from "../../../src/domain/wire/EventCodec.ts"
import { macLength } from "../../../src/domain/wire/Frame.ts"
import { Names } from "../../../src/domain/wire/Interner.ts"
import * as Arbitraries from "../../support/Arbitraries.ts"

interface Codec<A> {
  readonly write: (writer: ByteWriter, value: A) => void
  readonly read: (reader: ByteReader, frame: Buffer, bodyAt: number, names: Names) => A | undefined
  readonly is: (value: unknown) => boolean
  readonly values: fc.Arbitrary<A>
}

const events = Schema.is(Schema.Array(TelemetryEvent))
const codecs = {
  event: {
    write: writeEvent,
    read: Body.readEventBody,
    is: Schema.is(TelemetryEvent),
    values: Arbitraries.event
  } satisfies Codec<TelemetryEvent>,
  events: {
    write: Body.writeEvents,
    read: Body.readEventsBody,
    is: events,
    values: fc.array(Arbitraries.event, { maxLength: 5 })
  } satisfies Codec<ReadonlyArray<TelemetryEvent>>,
  outcomes: {
    write: Body.writeOutcomes,
    read: Body.readOutcomesBody,
    is: Schema.is(Schema.Array(OutcomeReport)),
    values: fc.array(Arbitraries.outcome, { maxLength: 8 })
  } satisfies Codec<ReadonlyArray<OutcomeReport>>,
  decision: {
    write: (writer, value) => Body.writeVerdict(writer, value.decision, value.backpressure),
    read: Body.readVerdictBody,
    is: Schema.is(Schema.Struct({ decision: Decision, backpressure: BackpressureSignal })),
    values: fc.record({ decision: Arbitraries.decision, backpressure: Arbitraries.signal })
  } satisfies Codec<{ decision: Decision; backpressure: BackpressureSignal }>,
  decisions: {
    write: (writer, value) => Body.writeDecisions(writer, value.decisions, value.backpressure),
    read: Body.readDecisionsBody,
    is: Schema.is(Schema.Struct({ decisions: Schema.Array(Decision), backpressure: BackpressureSignal })),
    values: fc.record({ decisions: fc.array(Arbitraries.decision, { maxLength: 6 }), backpressure: Arbitraries.signal })
  } satisfies Codec<Body.DecisionBatch>,
  ack: {
    write: writeSignal,
    read: Body.readSignalBody,
    is: Schema.is(BackpressureSignal),
    values: Arbitraries.signal
  } satisfies Codec<BackpressureSignal>
}

const names = new Names(100)
const writer = new ByteWriter()

const encode = <A>(codec: Codec<A>, value: A): Buffer => {
  writer.position = 0
  codec.write(writer, value)
  return Buffer.concat([writer.written(), Buffer.alloc(macLength)])
}

/** A change of a body: bytes replaced, or the body cut or lengthened. */
interface Mutation {
  readonly edits: ReadonlyArray<readonly [at: number, value: number]>
  readonly cut: number
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  edits: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
  cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -8, max: 200 }) })
})

const mutate = (frame: Buffer, { cut, edits }: Mutation): Buffer => {
  const bodyLength = frame.length - macLength
  const kept = Buffer.alloc(Math.max(0, bodyLength - cut) + macLength)
  frame.copy(kept, 0, 0, Math.min(bodyLength, kept.length - macLength))
  const length = kept.length - macLength
  if (length > 0) { for (const [at, value] of edits) kept[at % length] = value }
  return kept
}

/** Whatever is accepted satisfies the schema and is the one encoding of its value; nothing throws. */
const acceptsOnlyValid = <A>(codec: Codec<A>, reader: ByteReader, seed: number, numRuns: number) =>
  fc.check(
    fc.property(codec.values, mutation, (value, change) => {
      const frame = mutate(encode(codec, value), change)
      const read = codec.read(reader, frame, 0, names)
      if (read === undefined) return true
      return codec.is(read) && encode(codec, read).subarray(0, -macLength).equals(frame.subarray(0, -macLength))
    }),
    { numRuns, seed }
  )

const laws = <A>(name: string, codec: Codec<A>) => {
  it(`${name}: every valid value comes back as it was`, () => {
    fc.assert(
      fc.property(codec.values, (value) => {
        assert.deepStrictEqual(codec.read(new ByteReader(), encode(codec, value), 0, names), value)
      }),
      { numRuns: 500 }
    )
  })
  it(`${name}: altered bytes are refused or mean another valid value`, () => {
    const details = acceptsOnlyValid(codec, new ByteReader(), 1, 4_000)
    assert.isFalse(details.failed, String(details.errorInstance ?? JSON.stringify(details.counterexample)))
  })
  it(`${name}: every cut is refused`, () => {
    const [value] = fc.sample(codec.values, { numRuns: 1, seed: 7 })
    const frame = encode(codec, value!)
    for (let cut = 1; cut <= frame.length - macLength; cut++) {
      assert.isUndefined(codec.read(new ByteReader(), mutate(frame, { edits: [], cut }), 0, names))
    }
  })
}

describe("wire bodies", () => {
  laws("event", codecs.event)
  laws("events", codecs.events)
  laws("outcomes", codecs.outcomes)
  laws("decision", codecs.decision)
  laws("decisions", codecs.decisions)
  laws("ack", codecs.ack)

  it("positive control: a reader that forgets one check is caught", () => {
    class NoFraction extends ByteReader {
      override fraction() {
        return this.finite()
      }
    }
    class NoStringLimit extends ByteReader {
      override string() {
        return super.string(0, Infinity)
      }
    }
    class NoEnd extends ByteReader {
      override close() {
        super.close()
        return !this.failed
      }
    }
    for (const sabotaged of [new NoFraction(), new NoStringLimit(), new NoEnd()]) {
      assert.isTrue(acceptsOnlyValid(codecs.event, sabotaged, 3, 20_000).failed, sabotaged.constructor.name)
    }
  })

  const { features, ...sample } = Arbitraries.sampleEvent
  const [argument] = features.arguments
  const beyond: ReadonlyArray<readonly [string, TelemetryEvent]> = [
    ["an empty id", { ...sample, features, id: "" }],
    ["an id of 65", { ...sample, features, id: "x".repeat(65) }],
    ["an agent id of 65", { ...sample, features, agentId: "x".repeat(65) }],
    ["an empty function name", { ...sample, features, fn: "" }],
    ["a function name of 257", { ...sample, features, fn: "x".repeat(257) }],
    ["a function name of 100,000", { ...sample, features, fn: "x".repeat(100_000) }],
    ["a session of 129", { ...sample, features, session: "\u{1F600}".repeat(65) }],
    ["a subject hash of 33", { ...sample, features, subjectHash: "x".repeat(33) }],
    ["a time that is none", { ...sample, features, timestamp: NaN }],
    ["an infinite time", { ...sample, features, timestamp: Infinity }],
    ["a probability above 1", { ...sample, features, samplingProbability: 1.0000001 }],
    ["a negative probability", { ...sample, features, samplingProbability: -0.1 }],
    ["65 arguments", { ...sample, features: { ...features, arguments: Array(65).fill(argument) } }],
    ["257 grams", { ...sample, features: { ...features, arguments: [{ ...argument!, grams: Array(257).fill(1) }] } }],
    ["a shape of 257", { ...sample, features: { ...features, arguments: [{ ...argument!, shape: "a".repeat(257) }] } }],
    ["a path of 129", { ...sample, features: { ...features, arguments: [{ ...argument!, path: "a".repeat(129) }] } }],
    ["an infinite magnitude", {
      ...sample,
      features: { ...features, arguments: [{ ...argument!, magnitude: -Infinity }] }
    }]
  ]
  for (const [what, event] of beyond) {
    it(`refuses ${what}`, () => {
      assert.isUndefined(codecs.event.read(new ByteReader(), encode(codecs.event, event), 0, names))
    })
  }

  it("refuses a batch of 129 and takes one of 128", () => {
    const batch = (length: number) => Array<TelemetryEvent>(length).fill(Arbitraries.sampleEvent)
    assert.lengthOf(codecs.events.read(new ByteReader(), encode(codecs.events, batch(128)), 0, names) ?? [], 128)
    assert.isUndefined(codecs.events.read(new ByteReader(), encode(codecs.events, batch(129)), 0, names))
  })

  it("cuts explanations that are too long instead of losing the verdict", () => {
    const long = {
      ...Arbitraries.sampleDecision,
      reason: "r".repeat(1_000),
      findings: Array.from({ length: 20 }, (_, i) => ({
        detector: "shape" as const,
        path: "p".repeat(500),
        expected: "e".repeat(500),
        seen: `${i}`.repeat(500),
        pValue: 0.001
      }))
    }
    const read = codecs.decision.read(
      new ByteReader(),
      encode(codecs.decision, {
        decision: long,
        backpressure: { active: true, recommendedRate: 0.5, queueUtilization: 1, reason: "q".repeat(999) }
      }),
      0
    )
    assert.isTrue(codecs.decision.is(read))
    assert.lengthOf(read?.decision.findings ?? [], 8)
    assert.strictEqual(read?.decision.reason.length, 256)
  })
})
