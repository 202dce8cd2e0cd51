import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import { decodeBody, encodeBody } from "../../../src/domain/audit/BodyBytes.ts"
import { sealRecord } from "../../../src/domain/audit/Chain.ts"
import { packEntries, packRecords, unpackEntries, unpackRecords } from "../../../src/domain/audit/Frames.ts"
import { headFromLine, headToLine } from "../../../src/domain/audit/HeadBytes.ts"
import { checkpointBytes, headMacBytes } from "../../../src/domain/audit/HeadSigning.ts"
import { MerkleTree } from "../../../src/domain/audit/MerkleTree.ts"
import {
  bodyBytesMax,
  decodeRecord,
  encodeRecord,
  genesisHash,
  isName,
  nameBytesMax
} from "../../../src/domain/audit/RecordBytes.ts"

const sha256 = (data: Uint8Array): Uint8Array => Crypto.hash("sha256", data, "buffer")
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const utf8 = new TextEncoder()
const log = Uint8Array.from({ length: 16 }, (_, i) => i)
const key = Uint8Array.from({ length: 32 }, (_, i) => 32 + i)
const mac = (data: Uint8Array): Uint8Array => Crypto.createHmac("sha256", Buffer.from(key)).update(data).digest()

const genesis = genesisHash(sha256, log)
const first = sealRecord(
  { time: 1_732_287_600_123.25, kind: "block", body: utf8.encode("{\"fn\":\"payments.transfer\",\"id\":\"d-1\"}") },
  { seq: 0, hash: genesis },
  "k1",
  sha256,
  mac
)
const second = sealRecord(
  { time: 1_732_287_600_456.5, kind: "loss", body: utf8.encode("{\"lost\":{\"é\":3}}") },
  first,
  "k1",
  sha256,
  mac
)
const tree = new MerkleTree(sha256)
tree.append(first.hash)
tree.append(second.hash)
const checkpoint = {
  seq: 2,
  time: 1_732_287_601_000,
  hash: second.hash,
  root: tree.root(),
  signature: Uint8Array.from({ length: 64 }, (_, i) => i)
}
const head = { log, seq: 2, time: 1_732_287_601_000, hash: second.hash, checkpoint, keyId: "k1" }

// The vectors below were computed by a separate program (Python: struct, hashlib, hmac) from docs/evidence.md.
describe("evidence encodings", () => {
  it("pins the bytes, the hash and the MAC of a record", () => {
    assert.strictEqual(hex(genesis), "56a28ce4d3811b51a0783be22c49b54f20e9c2c8854815272c1aef80261fbe4c")
    assert.strictEqual(
      hex(encodeRecord(first)),
      "5049435201000000000000000142793546315fb40005626c6f636b026b3156a28ce4d3811b51a0783be22c49b54f20e9c2c8854815272c1aef" +
        "80261fbe4c000000257b22666e223a227061796d656e74732e7472616e73666572222c226964223a22642d31227d"
    )
    assert.strictEqual(hex(first.hash), "e4ef953910af0c8dd1c0980678ff7c86fa69f08bf1c8f7b445f69c0e8d4f599d")
    assert.strictEqual(hex(first.mac), "ca0a3fd155a68843172129cc8c251ee5c121732011721fcb936901d8ce115843")
    assert.strictEqual(hex(second.hash), "1cf029834c6d260a103d079f1935e16b1af96feb62d7ac4ccc8aea570163aa02")
  })

  it("reads the content of a record from its bytes, and nothing from bytes that are cut, longer or changed in a length", () => {
    const bytes = encodeRecord(second)
    const { hash: _hash, mac: _mac, ...content } = second
    const decoded = decodeRecord(bytes)
    assert.deepStrictEqual({ ...decoded, body: new Uint8Array(decoded!.body) }, { ...content, body: second.body })
    for (let n = 0; n < bytes.length; n++) assert.isUndefined(decodeRecord(bytes.subarray(0, n)), `${n} bytes`)
    assert.isUndefined(decodeRecord(Uint8Array.of(...bytes, 0)))
    for (const at of [0, 4, 21, 26, bytes.length - second.body.length - 1]) {
      const changed = Uint8Array.from(bytes)
      changed[at]! ^= 0x80
      assert.isUndefined(decodeRecord(changed), `byte ${at}`)
    }
  })

  it("pins the Merkle root, the signed checkpoint and the MAC of a head", () => {
    assert.strictEqual(hex(tree.root()), "c4128c07701b33eba8c045d5bba4db6d8d91477e99bc8978b9608cf7e6fd73ae")
    assert.strictEqual(
      hex(checkpointBytes(log, checkpoint)),
      "6566666563742d7069632f61756469742f636865636b706f696e742f31005049434301000102030405060708090a0b0c0d0e0f0000000000000002" +
        "42793546319680001cf029834c6d260a103d079f1935e16b1af96feb62d7ac4ccc8aea570163aa02c4128c07701b33eba8c045d5bba4db6d8d91" +
        "477e99bc8978b9608cf7e6fd73ae"
    )
    assert.strictEqual(
      hex(mac(headMacBytes(head))),
      "366668f7a47f954a1a2e7dc8628ba9010a6eb0bce01d3c757f8512aaae3c8045"
    )
  })

  it("writes sequence numbers beyond 32 bits", () => {
    const bytes = encodeRecord({ ...first, seq: 2 ** 52 + 7 })
    assert.strictEqual(new DataView(bytes.buffer).getBigUint64(5), 2n ** 52n + 7n)
  })

  it("reads a head from its line, and nothing from what is no head", () => {
    const whole = { ...head, mac: mac(headMacBytes(head)) }
    const line = headToLine(whole)
    assert.isBelow(line.length, 512, "a head must fit one disk sector")
    assert.deepStrictEqual(headFromLine(line), whole)
    for (let length = 0; length < line.length; length++) assert.isUndefined(headFromLine(line.slice(0, length)))
    for (
      const changed of [line.replace("\"v\":1", "\"v\":2"), line.replace("\"seq\":2", "\"seq\":-1"), "null", "[]", "7"]
    ) {
      assert.isUndefined(headFromLine(changed))
    }
  })

  it("fits the longest head into one sector", () => {
    const keyId = "k".repeat(nameBytesMax)
    const large = Number.MAX_SAFE_INTEGER
    const whole = {
      ...head,
      seq: large,
      time: 1_732_287_600_123.4567,
      keyId,
      checkpoint: { ...checkpoint, seq: large, time: 1_732_287_600_123.4567 },
      mac: key
    }
    assert.isBelow(headToLine(whole).length, 512)
    assert.isTrue(isName(keyId))
    assert.isFalse(isName(`${keyId}k`))
    assert.isFalse(isName(""))
  })

  it("carries entries and records from thread to thread unchanged", () => {
    const entries = [
      { time: 1.5, kind: "block" as const, body: utf8.encode("{}") },
      { time: 0, kind: "loss" as const, body: new Uint8Array(0) }
    ]
    assert.deepStrictEqual(unpackEntries(packEntries(entries)), entries)
    assert.deepStrictEqual(unpackRecords(packRecords([first, second])).map((r) => hex(r.hash)), [
      hex(first.hash),
      hex(second.hash)
    ])
    assert.deepStrictEqual(unpackRecords(packRecords([])), [])
    const unknown = unpackRecords(packRecords([{ ...first, kind: "from the future" }]))
    assert.strictEqual(unknown[0]?.hash.length, 0, "a record of unknown kind must not verify")
  })

  it("keeps bodies apart, however many there are and however long", () => {
    const texts = Array.from(
      { length: 2_000 },
      (_, i) => `${i} ${"é事x".repeat(i % 90)}${"y".repeat(i % 97 === 0 ? 9_000 : 0)}`
    )
    const bodies = texts.map((text) => encodeBody({ text }))
    bodies.forEach((body, i) => assert.strictEqual(decodeBody(body)["text"], texts[i]))
  })

  it("keeps every body within its limit, and says so", () => {
    const long = encodeBody({ fn: "f", args: "x".repeat(bodyBytesMax), nested: { a: [1] } })
    assert.isAtMost(long.length, bodyBytesMax)
    const kept = decodeBody(long)
    assert.strictEqual(kept["fn"], "f")
    assert.isAbove(Number(kept["shortenedFromBytes"]), bodyBytesMax)
    const whole = encodeBody({ text: "x".repeat(bodyBytesMax - 11) })
    assert.strictEqual(whole.length, bodyBytesMax)
    assert.notProperty(decodeBody(whole), "shortenedFromBytes")
    const cyclic: { [key: string]: string } = { fn: "f" }
    Object.defineProperty(cyclic, "bad", {
      enumerable: true,
      get: () => {
        throw new Error("planted")
      }
    })
    assert.deepStrictEqual(decodeBody(encodeBody(cyclic)), { unreadable: true })
    for (const text of ["", "[]", "7", "null", "{"]) assert.deepStrictEqual(decodeBody(utf8.encode(text)), {})
  })
})
