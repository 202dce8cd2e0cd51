import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { createHash, createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { BackpressureSignal } from "../../../src/domain/BackpressureSignal.ts"
import { BaselineProfile } from "../../../src/domain/BaselineProfile.ts"
import { Decision } from "../../../src/domain/Decision.ts"
import { OutcomeReport } from "../../../src/domain/Outcome.ts"
import { RateLimitStatus } from "../../../src/domain/RateLimitStatus.ts"
import { SignedDecision } from "../../../src/domain/SignedDecision.ts"
import { SignedEvent } from "../../../src/domain/SignedEvent.ts"
import { TelemetryEvent } from "../../../src/domain/TelemetryEvent.ts"
import * as Body from "../../../src/domain/wire/Body.ts"
import { ByteReader } from "../../../src/domain/wire/ByteReader.ts"
import { macLength, nonceOf, readHeader } from "../../../src/domain/wire/Frame.ts"
import { Names } from "../../../src/domain/wire/Interner.ts"
import { print } from "../../../src/domain/wire/Nonce.ts"
import { makeVectors } from "../../support/Vectors.ts"

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"))
const pinned: ReturnType<typeof makeVectors> = vectors("frames")

const readBody = (purpose: string, frame: Buffer, bodyAt: number): unknown => {
  const reader = new ByteReader()
  const names = new Names(10)
  switch (purpose) {
    case "event":
      return Body.readEventBody(reader, frame, bodyAt, names)
    case "events":
      return Body.readEventsBody(reader, frame, bodyAt, names)
    case "outcomes":
      return Body.readOutcomesBody(reader, frame, bodyAt, names)
    case "decision":
      return Body.readVerdictBody(reader, frame, bodyAt)
    case "decisions":
      return Body.readDecisionsBody(reader, frame, bodyAt)
    default:
      return Body.readSignalBody(reader, frame, bodyAt)
  }
}

describe("wire vectors", () => {
  it("are what is written today", () => {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(makeVectors())), pinned)
  })

  for (const vector of pinned.frames) {
    it(`${vector.name}: is read as it says`, () => {
      const frame = Buffer.from(vector.frame, "hex")
      assert.strictEqual(createHash("sha256").update(frame).digest("hex"), vector.sha256)
      const mac = createHmac("sha256", Buffer.from(vector.macKey, "hex")).update(frame.subarray(0, -macLength)).digest()
      assert.isTrue(mac.equals(frame.subarray(-macLength)))
      const header = readHeader(new ByteReader(), frame, new Names(10))
      assert.isDefined(header)
      if (header === undefined) return
      assert.strictEqual(header.purpose, vector.purpose)
      assert.strictEqual(header.agentId, pinned.agentId)
      assert.strictEqual(header.keyId, pinned.keyId)
      assert.strictEqual(header.timestamp, pinned.timestamp)
      assert.strictEqual(print(nonceOf(frame)), vector.nonce)
      assert.strictEqual(header.request === undefined ? undefined : print(header.request.nonce), vector.requestNonce)
      assert.strictEqual(header.request?.eventId, vector.requestEventId)
      assert.deepStrictEqual(readBody(vector.purpose, frame, header.bodyAt), vector.body)
    })
  }

  it("no header is read from a frame that differs in version, purpose, direction, length or nonce form", () => {
    const frame = Buffer.from(pinned.frames[0]!.frame, "hex")
    const changed = (at: number, value: number) => {
      const copy = Buffer.from(frame)
      copy[at] = value
      return readHeader(new ByteReader(), copy, new Names(10))
    }
    for (
      const [at, value] of [[0, 0], [0, 2], [1, 6], [1, 3], [2, 0], [2, 2], [3, 0], [4, 0xff], [11, 0x46], [13, 0x28], [
        28,
        0x7f
      ]] as const
    ) {
      if (at === 28) {
        const copy = Buffer.from(frame)
        copy.fill(0xff, 21, 29)
        assert.isUndefined(readHeader(new ByteReader(), copy, new Names(10)), "a time that is not a number")
      } else assert.isUndefined(changed(at, value), `byte ${at} = ${value}`)
    }
    for (let length = 0; length < 29 + macLength; length++) {
      assert.isUndefined(readHeader(new ByteReader(), frame.subarray(0, length), new Names(10)))
    }
  })
})

describe("JSON vectors", () => {
  const codecs: Readonly<Record<string, (json: unknown) => unknown>> = {
    TelemetryEvent: roundTrip(TelemetryEvent),
    OutcomeReport: roundTrip(OutcomeReport),
    Decision: roundTrip(Decision),
    BackpressureSignal: roundTrip(BackpressureSignal),
    SignedEvent: roundTrip(SignedEvent),
    SignedDecision: roundTrip(SignedDecision),
    RateLimitStatus: roundTrip(RateLimitStatus),
    BaselineProfile: roundTrip(BaselineProfile)
  }
  const entries: ReadonlyArray<{ readonly schema: string; readonly json: unknown }> = vectors("schemas")

  it("cover every schema", () => {
    assert.deepStrictEqual(
      [...new Set(entries.map((entry) => entry.schema))].toSorted(),
      Object.keys(codecs).toSorted()
    )
  })
  for (const [i, { json, schema }] of entries.entries()) {
    it(`${i}: ${schema} is encoded as pinned`, () => {
      assert.deepStrictEqual(codecs[schema]?.(json), json)
    })
  }
})

function roundTrip<A, E>(schema: Schema.Codec<A, E>) {
  const codec = Schema.toCodecJson(schema)
  return (json: unknown): unknown =>
    JSON.parse(JSON.stringify(Schema.encodeSync(codec)(Schema.decodeUnknownSync(codec)(json))))
}
